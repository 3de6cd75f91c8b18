"""Ticks by the wall clock, for sources that are live.

A tick's name is its aligned time, so that replicas which scrape apart make tables of the same generations. A tick that could not
begin in its own time is left out: the next one sees all that it would have seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from hydatis_core.event_time import generation_at

__all__ = ["wall_clock_ticks"]


async def wall_clock_ticks(
    tick_seconds: float,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[int]:
    """Each tick's generation, when its time has come; the first one is the next after now. Never the same twice.

    Args:
        tick_seconds: length of a tick, whole seconds >= 1.
        clock: Unix seconds.
        sleep: waits so many seconds.
    """
    newest = generation_at(clock(), tick_seconds)
    while True:
        while (now := generation_at(clock(), tick_seconds)) <= newest:  # a sleep may end early, and the clock may be set back
            await sleep(max(newest + tick_seconds - clock(), 0.001))
        newest = now
        yield newest
