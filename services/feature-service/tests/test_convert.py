"""Tables and samples between the wire, the warm blob and values."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis.features.v1 import features_pb2
from hydatis_core.errors import ArtifactRefused
from hydatis_core.nodes import GpuDevice
from hydatis_feature_service.convert import scrape_from_proto, table_from_bytes, table_to_bytes
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_features.usage import METRICS
from hydatis_serving.wire import to_float32_bytes


def big_table() -> NodeTable:
    values = np.arange(5000 * len(SCHEMA.names), dtype=np.float32).reshape(5000, -1)
    values[17, 3] = np.nan
    names = tuple(f"node-{row}" for row in range(5000))
    return NodeTable(60, names, SCHEMA.names, values, SCHEMA.hashes, {4: (GpuDevice(0, "A100", 250),)}, 15.0, 300.0, 7.5)


def test_a_table_comes_back_as_it_was():
    table = big_table()
    steps = table_to_bytes(table)
    assert len(steps) > 3  # more than one chunk
    back = table_from_bytes(steps)
    np.testing.assert_array_equal(back.values, table.values)
    for name in ("generation", "node_names", "columns", "column_hashes", "gpus", "tick_seconds", "metric_window_seconds"):
        assert getattr(back, name) == getattr(table, name)
    assert table_from_bytes(table_to_bytes(None)) is None


def test_a_damaged_table_is_refused():
    steps = table_to_bytes(big_table())
    for damaged in (steps[:-1], steps[1:], (steps[0], *steps[2:]), (b"\xff", *steps[1:])):
        with pytest.raises(ArtifactRefused):
            table_from_bytes(damaged)


def test_metrics_come_in_the_order_of_the_features_whatever_order_they_were_sent_in():
    usage = np.arange(12, dtype=np.float32).reshape(2, 6)
    order = [5, 0, 3, 1, 4, 2]
    request = features_pb2.AdvanceTickRequest(
        tick_time_seconds=60,
        sample_time_seconds=55.0,
        node_usage=to_float32_bytes(usage[:, order]),
        usage_metrics=[METRICS[i] for i in order],
    )
    scrape = scrape_from_proto(request)
    np.testing.assert_array_equal(scrape.node_usage, usage)
    assert scrape.digest == scrape_from_proto(request).digest
    request.sample_time_seconds = 56.0
    assert scrape.digest != scrape_from_proto(request).digest
