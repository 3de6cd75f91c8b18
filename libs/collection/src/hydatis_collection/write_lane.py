"""One store's lane: generations in order, tried until they are in, and never more of them in memory than stated.

Each store has a lane of its own, so that one that is slow or down costs the other nothing. What a full lane cannot hold is
superseded by what is newer and counted; the workload profiles that came with it ride on with the next, for they are told only once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter

from hydatis_core.errors import CallerError, HydatisError
from hydatis_features.profile_summaries import WorkloadProfile
from hydatis_features.table import NodeTable
from hydatis_serving.logs import get_logger

from hydatis_collection.writer_metrics import WriterMetrics

__all__ = ["FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS", "Told", "WriteLane"]

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0

_log = get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """What the stream said up to one table."""

    table: NodeTable
    profiles: dict[str, WorkloadProfile] = field(default_factory=dict)
    """Those that changed since the one before, by key."""

    def after(self, older: dict[str, WorkloadProfile]) -> Told:
        """This one, with profiles that were told before and not written."""
        return replace(self, profiles=older | self.profiles)


class WriteLane:
    """Writes generations to one store.

    Args:
        store: its name, for logs and metrics.
        write: writes one; False: it was there already. An OperationalError: tried again; a CallerError: refused for good. Called in
            a thread, never twice at once.
        every_seconds: at most one generation per so many seconds of event time; 0: all.
        capacity: how many may wait, >= 1.
        metrics: where it is counted.
    """

    def __init__(
        self, store: str, write: Callable[[Told], bool], *, every_seconds: float, capacity: int, metrics: WriterMetrics
    ) -> None:
        self.store = store
        self._write = write
        self._every_seconds = every_seconds
        self._capacity = capacity
        self._metrics = metrics
        self._waiting: deque[Told] = deque()
        self._writing = False
        self._unwritten: dict[str, WorkloadProfile] = {}
        self._last_taken = -1
        self._arrived = asyncio.Event()
        self._failing = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or is being written."""
        return not self._waiting and not self._writing

    def put(self, told: Told) -> None:
        """Takes a generation, unless it is not newer than the last one, or too soon after it."""
        if not self._is_due(told.table.generation):
            self._unwritten |= told.profiles
            return
        self._last_taken = told.table.generation
        self._waiting.append(told.after(self._unwritten))
        self._unwritten = {}
        self._trim()
        self._arrived.set()

    async def run(self) -> None:
        """Writes until cancelled."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            told = self._waiting.popleft()
            self._writing = True
            if await self._write_one(told):
                self._writing = False
                pause = FIRST_PAUSE_SECONDS
                continue
            self._waiting.appendleft(told)
            self._trim()
            self._writing = False
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _write_one(self, told: Told) -> bool:
        """Whether it is done with: written, there already, or refused."""
        began = perf_counter()
        try:
            outcome = "written" if await asyncio.to_thread(self._write, told) else "held"
        except CallerError as wrong:
            _log.error("features are refused", store=self.store, generation=told.table.generation, reason=str(wrong))
            self._metrics.writes.labels(self.store, "refused").inc()
            return True
        except HydatisError as error:
            self._metrics.writes.labels(self.store, "failed").inc()
            if not self._failing:
                _log.warning("features are not written; trying again", store=self.store, reason=str(error))
            self._failing = True
            return False
        if self._failing:
            _log.info("features are written again", store=self.store, generation=told.table.generation)
        self._failing = False
        self._metrics.writes.labels(self.store, outcome).inc()
        self._metrics.newest.labels(self.store).set(told.table.generation)
        self._metrics.seconds.labels(self.store).observe(perf_counter() - began)
        return True

    def _trim(self) -> None:
        while len(self._waiting) > self._capacity:
            lost = self._waiting.popleft()
            self._waiting[0] = self._waiting[0].after(lost.profiles)
            self._metrics.writes.labels(self.store, "superseded").inc()

    def _is_due(self, generation: int) -> bool:
        if generation <= self._last_taken:
            return False
        every = self._every_seconds
        return not every or generation // every > self._last_taken // every
