"""What only one replica may do, and who that is.

Admission is answered by every replica alike. Whatever changes something of its own accord (capacity of nodes, running pods, taints)
is a role, and roles run where the lease is held, all of them together. A role that breaks off is begun anew; one that must end ends
at its next await, so a role keeps nothing in memory that the next leader would miss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from hydatis_serving.logs import get_logger

from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics

__all__ = ["Alone", "Leadership", "Role", "RoleRunner"]

_log = get_logger(__name__)
#: Pause before a role that broke off is begun anew.
AGAIN_SECONDS = 5.0


class Role(Protocol):
    """Something that only the leader does."""

    name: str
    """In logs and metrics."""

    async def run(self) -> None:
        """Does it until cancelled."""
        ...


class Leadership(Protocol):
    """Who leads."""

    async def start(self) -> None:
        """Begins to stand for it."""
        ...

    async def stop(self) -> None:
        """Gives it up."""
        ...

    async def won(self) -> None:
        """Returns once this replica leads."""
        ...

    async def lost(self) -> None:
        """Returns once it does no more."""
        ...


class Alone:
    """Leads always: of one replica there is no other."""

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def won(self) -> None:
        """At once."""

    async def lost(self) -> None:
        """Never."""
        await asyncio.Event().wait()


class RoleRunner:
    """Runs the roles while this replica leads.

    Args:
        leadership: says when.
        roles: what.
        metrics: where it is shown.
        again_seconds: pause before a role that broke off is begun anew.
    """

    def __init__(
        self, leadership: Leadership, roles: Sequence[Role], metrics: RightSizerMetrics, again_seconds: float = AGAIN_SECONDS
    ) -> None:
        self._leadership = leadership
        self._roles = roles
        self._metrics = metrics
        self._again_seconds = again_seconds
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Stands for leadership."""
        await self._leadership.start()
        self._running = asyncio.create_task(self._run(), name="roles")

    async def stop(self) -> None:
        """Ends the roles, then gives leadership up."""
        task, self._running = self._running, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._leadership.stop()

    async def _run(self) -> None:
        while True:
            await self._leadership.won()
            self._metrics.leads.set(1)
            tasks = [asyncio.create_task(self._keep(role), name=role.name) for role in self._roles]
            try:
                await self._leadership.lost()
            finally:
                self._metrics.leads.set(0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, role: Role) -> None:
        while True:
            try:
                await role.run()
            except Exception:  # whatever it was: the other roles go on, and this one is tried again
                _log.exception("a role broke off", role=role.name)
                self._metrics.role_failures.labels(role.name).inc()
            await asyncio.sleep(self._again_seconds)
