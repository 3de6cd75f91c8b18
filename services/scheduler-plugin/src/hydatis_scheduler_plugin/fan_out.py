"""Asks for the forecast and risk that the newest table lacks, when the streams have not brought them.

In steady state there is nothing to ask: forecaster and anomaly-detector stream what they compute. When a stream is broken or
late, a decision asks for what is missing, in parallel, within its share of the deadline, and what comes serves all later
decisions of the tick. A peer that failed is not waited for again until a call in the background has succeeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hydatis_core.errors import HydatisError
from hydatis_serving.logs import get_logger

from hydatis_scheduler_plugin.state import ClusterMemory

__all__ = ["FanOut", "Peer"]

_log = get_logger(__name__)
#: Fetches one generation and hands it to the memory.
Fetch = Callable[[int, float], Awaitable[None]]


class Peer:
    """One peer that is asked for what is missing: one call at a time, whoever waits for it.

    Args:
        name: "forecast" or "risk", the metric's label.
        fetch: asks for a generation within seconds and hands it on; raises ``HydatisError``.
        clock: monotonic seconds.
        pause_seconds: pause after a failure.
        on_result: told (name, "good" or the error's class) of each call.
    """

    def __init__(
        self,
        name: str,
        fetch: Fetch,
        clock: Callable[[], float],
        *,
        pause_seconds: float = 0.25,
        on_result: Callable[[str, str], None] = lambda _name, _result: None,
    ) -> None:
        self.name = name
        self._fetch = fetch
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._on_result = on_result
        self._call: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self.failed = False
        """Whether the last call failed."""

    def ask(self, generation: int, timeout_seconds: float) -> asyncio.Task[None] | None:
        """The call that is under way, or a new one; None while the peer is left alone after a failure."""
        if self._call is not None:
            return self._call
        if self._clock() < self._not_before or timeout_seconds <= 0:
            return None
        self._call = asyncio.create_task(self._run(generation, timeout_seconds))
        return self._call

    async def stop(self) -> None:
        """Ends a call under way."""
        if self._call is not None:
            self._call.cancel()
            await asyncio.wait({self._call})

    async def _run(self, generation: int, timeout_seconds: float) -> None:
        try:
            await self._fetch(generation, timeout_seconds)
            self.failed = False
            self._on_result(self.name, "good")
        except Exception as error:
            self.failed = True
            self._not_before = self._clock() + self._pause_seconds
            self._on_result(self.name, type(error).__name__)
            if not isinstance(error, HydatisError):
                _log.exception("a call for what was missing failed", peer=self.name)
        finally:
            self._call = None


class FanOut:
    """Fills the gaps of the memory.

    Args:
        memory: where the gaps are.
        peers: who fills which gap, by the memory's names of what is missing.
    """

    def __init__(self, memory: ClusterMemory, peers: tuple[Peer, ...]) -> None:
        self._memory = memory
        self._peers = peers

    async def fill(self, timeout_seconds: float) -> None:
        """Asks for what is missing; returns when it is here, when nothing can come, or when the time is over.

        A missing risk is one masked input and costs no rung, so it is asked for but only waited for along with a forecast.
        """
        table, newest_lacks = self._memory.tables.find(0), self._memory.missing_of_newest()
        missing = [name for name in self._memory.missing() if name in newest_lacks]
        if table is None or not missing:
            return
        waited = set()
        for peer in self._peers:
            if peer.name not in missing:
                continue
            failed_before = peer.failed
            call = peer.ask(table.generation, timeout_seconds)
            if call is not None and not failed_before:
                waited.add(call)
        if waited and "forecast" in missing:
            await asyncio.wait(waited, timeout=timeout_seconds)

    async def stop(self) -> None:
        """Ends calls under way."""
        await asyncio.gather(*(peer.stop() for peer in self._peers))
