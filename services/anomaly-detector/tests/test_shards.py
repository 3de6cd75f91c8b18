"""Shards cover every node once, and differ in size by at most one."""

from __future__ import annotations

import pytest
from hydatis_anomaly_detector.shards import shards


@pytest.mark.parametrize(("node_count", "shard_count"), [(0, 5), (1, 5), (5, 1), (5, 2), (5, 5), (100, 20), (101, 20), (119, 20)])
def test_shards_cover_every_node_once(node_count, shard_count):
    parts = shards(node_count, shard_count)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(node_count))
    sizes = [part.stop - part.start for part in parts]
    assert len(parts) == min(node_count, shard_count)
    assert not sizes or max(sizes) - min(sizes) <= 1
