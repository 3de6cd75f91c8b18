"""The warm keeper: writes the state to the warm store after ticks, and reads it at the start.

It runs beside the ticks and never before one: a tick only says that there is something to keep. A store that is gone is logged once
per outage and tried again, and a state that cannot be read costs a cold start, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter

from hydatis_core.errors import HydatisError
from hydatis_serving.logs import get_logger

from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.warm_blob import WarmState, pack, unpack
from hydatis_feature_service.warm_store import WarmStore

__all__ = ["WarmKeeper"]

#: After a write that took t seconds, COST_RATIO x t pass until the next: writing never takes more than a tenth of a core.
COST_RATIO = 10.0


class WarmKeeper:
    """Keeps the newest state in a store.

    Args:
        store: where.
        snapshot: gives the state; None: there is none yet.
        metrics: where writes are counted.
        least_gap_seconds: least time between two writes.
    """

    def __init__(
        self,
        store: WarmStore,
        snapshot: Callable[[], Awaitable[WarmState | None]],
        metrics: FeatureMetrics,
        least_gap_seconds: float,
    ) -> None:
        self._store = store
        self._snapshot = snapshot
        self._metrics = metrics
        self._least_gap_seconds = least_gap_seconds
        self._due = asyncio.Event()
        self._failing = False
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger("hydatis_feature_service")

    def due(self) -> None:
        """There is something new to keep."""
        self._due.set()

    async def load(self, restore: Callable[[WarmState], None]) -> bool:
        """Gives the stored state to ``restore``; says whether there was one that could be used."""
        try:
            data = await self._store.load()
            if data is None:
                return False
            state = await asyncio.to_thread(unpack, data)
            restore(state)
        except HydatisError as error:
            self._log.warning("cold start: the kept state cannot be used", reason=str(error))
            return False
        self._log.info("warm start", generation=state.generation)
        return True

    def start(self) -> None:
        """Begins to write."""
        self._task = asyncio.create_task(self._run(), name="warm-keeper")

    async def stop(self) -> None:
        """Writes what is new once more, and lets go of the store."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._due.is_set():
            await self.save()
        await self._store.close()

    async def save(self) -> None:
        """Writes the state now."""
        self._due.clear()
        began = perf_counter()
        try:
            state = await self._snapshot()
            if state is None:
                return
            data = await asyncio.to_thread(pack, state)
            await self._store.save(data)
        except asyncio.CancelledError:
            self._due.set()  # cut short by a stop, which writes once more what is due
            raise
        except HydatisError as error:
            self._failed(error)
            return
        self._metrics.warm_written(len(data), perf_counter() - began)
        if self._failing:
            self._failing = False
            self._log.info("the state is kept again")

    async def _run(self) -> None:
        # A cancellation alone would not do: asyncio.wait_for of Python 3.11 (under the Redis client) may swallow it.
        while not self._stopping:
            await self._due.wait()
            began = perf_counter()
            await self.save()
            await self._gap_after(perf_counter() - began)

    async def _gap_after(self, save_seconds: float) -> None:
        if not self._stopping:
            await asyncio.sleep(max(self._least_gap_seconds, COST_RATIO * save_seconds))

    def _failed(self, error: HydatisError) -> None:
        self._metrics.warm_failed()
        self._due.set()
        if not self._failing:
            self._failing = True
            self._log.warning("the state is not kept: a restart would begin cold; trying again", reason=str(error))
