"""A circuit breaker: a peer that is dead or hangs costs a few decisions their budget, not every one.

kube-scheduler has no breaker of its own and its loop is serial, so a hanging peer would be paid for by every pod. After some
failures in a row the breaker opens: decisions take the next rung at once, and a probe in the background asks the peer until it
answers. The first probe comes soon, since most of what is late on a busy machine was held up for a moment; a peer that answers
probes but no decisions is asked ever more rarely all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from hydatis_core.errors import HydatisError
from hydatis_serving.logs import get_logger

__all__ = ["Breaker"]

_log = get_logger(__name__)
#: The first pause, as a share of the longest; each pause is twice the one before, until a decision is answered.
FIRST_PAUSE_RATIO = 1 / 16


class Breaker:
    """Open after consecutive failures; closed again by the first probe that succeeds.

    Args:
        probe: asks the peer; returns when it could serve a decision in time, raises ``HydatisError`` when not.
        failures_to_open: consecutive failures until it opens, >= 1.
        probe_seconds: longest wall-clock pause before a probe.
        on_change: told whether it is open, whenever that changes.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        *,
        failures_to_open: int = 2,
        probe_seconds: float = 0.25,
        on_change: Callable[[bool], None] = lambda _open: None,
    ) -> None:
        self._probe = probe
        self._failures_to_open = failures_to_open
        self._probe_seconds = probe_seconds
        self._pause_seconds = probe_seconds * FIRST_PAUSE_RATIO
        self._on_change = on_change
        self._failures_count = 0
        self._probing: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """True: do not ask the peer."""
        return self._probing is not None

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures_count = 0
        self._pause_seconds = self._probe_seconds * FIRST_PAUSE_RATIO

    def failed(self) -> None:
        """A call was not answered. Opens the breaker when it was one too many; needs a running loop then."""
        self._failures_count += 1
        if self._failures_count >= self._failures_to_open and self._probing is None:
            self._probing = asyncio.create_task(self._probe_until_answered())
            self._on_change(True)

    async def stop(self) -> None:
        """Ends the probing."""
        task, self._probing = self._probing, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _probe_until_answered(self) -> None:
        while True:
            await asyncio.sleep(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, self._probe_seconds)
            try:
                await self._probe()
            except HydatisError:
                continue
            except Exception:  # a probe that ends here would leave the breaker open for ever
                _log.exception("a probe failed")
                continue
            self._failures_count = 0
            self._probing = None
            self._on_change(False)
            return
