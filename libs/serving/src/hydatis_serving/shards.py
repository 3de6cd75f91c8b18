"""Shards: the parts in which a tick's nodes are sent to models.

A rollout splits traffic by call. A tick sent as one call would be answered by one version whole; sent in parts, a canary answers
about its share of the nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_serving.model_client import ModelAnswer

__all__ = ["Model", "ShardAnswer", "ask_in_shards", "shards"]


class Model(Protocol):
    """A served model, as ``hydatis_serving.model_client.ModelClient`` reaches it."""

    async def infer(self, rows: NDArray[np.float32], columns: Sequence[tuple[str, str]], timeout_seconds: float) -> ModelAnswer:
        """Outputs for rows: float32 of shape (rows, outputs)."""
        ...


@dataclass(frozen=True, slots=True)
class ShardAnswer:
    """What a model answered for some rows of a table."""

    rows: slice
    """Which rows."""
    answer: ModelAnswer

    @property
    def row_count(self) -> int:
        """How many rows were sent; whether as many came back is for the caller to check."""
        return int(self.rows.stop - self.rows.start)


def shards(row_count: int, shard_count: int) -> tuple[slice, ...]:
    """Parts of 0..row_count-1, in order, whose sizes differ by at most one.

    Args:
        row_count: how many rows, >= 0.
        shard_count: how many parts are wanted, >= 1; fewer are made when there are fewer rows.

    >>> shards(5, 2)
    (slice(0, 3, None), slice(3, 5, None))
    """
    count = min(shard_count, row_count)
    if count == 0:
        return ()
    size, larger = divmod(row_count, count)
    starts = [part * size + min(part, larger) for part in range(count + 1)]
    return tuple(slice(start, end) for start, end in pairwise(starts))


async def ask_in_shards(
    models: Sequence[Model], table: NodeTable, shard_count: int, timeout_seconds: float
) -> list[list[ShardAnswer]]:
    """Sends all rows of a table, all columns, to every model, all calls at once.

    Args:
        models: the models.
        table: the rows.
        shard_count: in how many calls they are sent to each model, >= 1.
        timeout_seconds: how long one call may take.

    Returns:
        Per model its answers, in row order.

    Raises:
        HydatisError: what the first call that failed raised, once all calls have ended: none goes on behind a later attempt.
    """
    parts = shards(len(table.node_names), shard_count)
    columns = tuple(zip(table.columns, table.column_hashes, strict=True))
    calls = [model.infer(table.values[part], columns, timeout_seconds) for model in models for part in parts]
    answers = []
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        answers.append(answer)
    in_order = iter(answers)
    return [[ShardAnswer(part, next(in_order)) for part in parts] for _ in models]
