"""Waits until a generation can be decided on: the lock-step of a replay.

A replay says a tick and must not place a pod before every service has it, else two replays place differently. So it asks here,
and gets an answer when the shim holds table, forecast and risk, and placement-policy says the same of itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hydatis_core.errors import TooLate
from hydatis_serving.clients import PlacementClient

from hydatis_scheduler_plugin.deadline import Deadline
from hydatis_scheduler_plugin.state import ClusterMemory

__all__ = ["GenerationWait"]


class GenerationWait:
    """Waits for generations.

    Args:
        memory: what the shim holds.
        placement: placement-policy.
        clock: monotonic seconds.
    """

    def __init__(self, memory: ClusterMemory, placement: PlacementClient, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._placement = placement
        self._clock = clock

    async def wait(self, at_least: int, timeout_seconds: float, *, with_risk: bool = True) -> int:
        """Returns the generation that decisions stand on, once it is >= ``at_least`` and whole everywhere.

        Args:
            at_least: the generation, > 0.
            timeout_seconds: how long to wait, > 0.
            with_risk: whether the risk scores must be here too; without, a dead anomaly detector holds nobody up.

        Raises:
            TooLate: it is not in time; the message says what is missing.
        """
        deadline = Deadline(timeout_seconds, self._clock)
        try:
            async with asyncio.timeout(timeout_seconds):
                while not self._memory.is_whole(at_least, with_risk=with_risk):
                    await self._memory.changed()
        except TimeoutError:
            newest = self._memory.tables.newest
            lacking = "table" if newest < at_least else " and ".join(self._memory.missing_of_newest()) or "nothing"
            raise TooLate(
                f"generation {at_least} is not whole here after {timeout_seconds:g} s: missing {lacking}, newest table is {newest}",
                field="at_least",
            ) from None
        await self._placement.await_generation(at_least, with_risk=with_risk, timeout_seconds=max(deadline.left_seconds, 0.001))
        footing = self._memory.footing
        return footing.generation if footing is not None else at_least
