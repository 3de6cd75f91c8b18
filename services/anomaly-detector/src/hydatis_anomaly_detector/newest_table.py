"""The table to work on next: always the newest, never a queue.

A model that is slower than the ticks must not fall behind them: what was not begun when a newer table arrives is skipped, what was
begun is finished. In a lock-step replay nothing is skipped, because each tick is awaited before the next.
"""

from __future__ import annotations

import asyncio

import numpy as np
from hydatis_features.table import NodeTable

__all__ = ["NewestTable"]


class NewestTable:
    """Holds at most one table that nobody has begun to work on."""

    def __init__(self) -> None:
        self._table: NodeTable | None = None
        self._last: NodeTable | None = None
        self._arrived = asyncio.Event()
        self.skipped_count = 0
        """Tables that a newer one replaced before anybody took them."""

    def put(self, table: NodeTable) -> None:
        """Replaces what waits, unless it is what came last: a stream that is opened again says its newest table again.

        A lower generation is no mistake: another cluster was loaded.
        """
        if self._last is not None and _same(self._last, table):
            return
        self._last = table
        self.skipped_count += self._table is not None
        self._table = table
        self._arrived.set()

    async def take(self) -> NodeTable:
        """Waits for a table and takes it."""
        while self._table is None:
            await self._arrived.wait()
            self._arrived.clear()
        table, self._table = self._table, None
        self._arrived.clear()
        return table

    async def wait(self, seconds: float) -> bool:
        """Waits until a table is here, or for so long; says whether one is."""
        try:
            await asyncio.wait_for(self._arrived.wait(), seconds)
        except TimeoutError:
            return False
        return True


def _same(one: NodeTable, other: NodeTable) -> bool:
    return (
        one.generation == other.generation
        and one.node_names == other.node_names
        and one.columns == other.columns
        and np.array_equal(one.values, other.values, equal_nan=True)
    )
