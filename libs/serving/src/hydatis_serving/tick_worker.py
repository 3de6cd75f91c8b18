"""The work of a service that makes one thing of each node table: a table in, what is made of it out, over and over.

What can fail here is a model, and a failure must end with the model's: the newest table is tried again with growing waits until it
succeeds or a newer one is there, and the log says once when an outage begins and once when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Generic, TypeVar

import numpy as np
from hydatis_core.errors import HydatisError
from hydatis_features.table import NodeTable

from hydatis_serving.logs import get_logger
from hydatis_serving.metrics import TickMetrics
from hydatis_serving.newest import Newest

__all__ = ["TickWorker"]

Made = TypeVar("Made")

_log = get_logger(__name__)


class TickWorker(Generic[Made]):
    """Makes one thing of each newest table and hands it on.

    A lower generation than the last is no mistake: another cluster was loaded.

    Args:
        noun: what is made, for the log ("forecast").
        make: makes it; a HydatisError says why it could not be made now.
        publish: takes a table and what was made of it.
        metrics: where work is counted.
        retry_first_seconds: wait after a first failure; it doubles with each further one.
        retry_longest_seconds: longest such wait.
    """

    def __init__(
        self,
        noun: str,
        make: Callable[[NodeTable], Awaitable[Made]],
        publish: Callable[[NodeTable, Made], None],
        metrics: TickMetrics,
        *,
        retry_first_seconds: float,
        retry_longest_seconds: float,
    ) -> None:
        self._noun = noun
        self._make = make
        self._publish = publish
        self._metrics = metrics
        self._retry_first_seconds = retry_first_seconds
        self._retry_longest_seconds = retry_longest_seconds
        self._tables = Newest(_same_table)
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def take(self, table: NodeTable) -> None:
        """A new table is here."""
        self._tables.put(table)

    def start(self) -> None:
        """Begins to work."""
        self._task = asyncio.create_task(self._run(), name=f"tick-worker-{self._noun}")

    async def stop(self) -> None:
        """Ends the work; what is half done is dropped."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            table = await self._tables.take()
            self._metrics.skipped(self._tables.skipped_count)
            await self._work(table)

    async def _work(self, table: NodeTable) -> None:
        """Until it succeeds, or a newer table is here."""
        wait_seconds = self._retry_first_seconds
        while True:
            began = perf_counter()
            try:
                made = await self._make(table)
                self._publish(table, made)
            except HydatisError as error:
                self._failed(error)
            except Exception as error:  # a defect must cost this tick and not all that follow
                _log.exception(f"a defect costs a {self._noun}", generation=table.generation)
                self._failed(error)
            else:
                self._metrics.made(table.generation, perf_counter() - began)
                self._recovered()
                return
            if await self._tables.wait(wait_seconds):
                return
            wait_seconds = min(wait_seconds * 2, self._retry_longest_seconds)

    def _failed(self, error: Exception) -> None:
        self._metrics.failed(type(error).__name__)
        if not self._failing:
            self._failing = True
            _log.warning(f"no {self._noun} of the newest table: trying again until there is one", error=str(error))

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            _log.info(f"each table gets its {self._noun} again")


def _same_table(one: NodeTable, other: NodeTable) -> bool:
    return (
        one.generation == other.generation
        and one.node_names == other.node_names
        and one.columns == other.columns
        and np.array_equal(one.values, other.values, equal_nan=True)
    )
