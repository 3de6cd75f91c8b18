"""Shards: the parts in which a tick's nodes are sent to a model.

A rollout splits traffic by call. A tick sent as one call would be answered by one version whole; sent in parts, a canary answers
about its share of the nodes.
"""

from __future__ import annotations

from itertools import pairwise

__all__ = ["shards"]


def shards(node_count: int, shard_count: int) -> tuple[slice, ...]:
    """Parts of 0..node_count-1, in order, whose sizes differ by at most one.

    Args:
        node_count: how many rows, >= 0.
        shard_count: how many parts are wanted, >= 1; fewer are made when there are fewer rows.

    >>> shards(5, 2)
    (slice(0, 3, None), slice(3, 5, None))
    """
    count = min(shard_count, node_count)
    if count == 0:
        return ()
    size, larger = divmod(node_count, count)
    starts = [part * size + min(part, larger) for part in range(count + 1)]
    return tuple(slice(start, end) for start, end in pairwise(starts))
