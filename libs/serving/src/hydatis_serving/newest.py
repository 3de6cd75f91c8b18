"""What to work on next: always the newest, never a queue.

Work that is slower than what comes in must not fall behind it: what was not begun when something newer arrives is skipped, what was
begun is finished. In a lock-step replay nothing is skipped, because each tick is awaited before the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import eq
from typing import Generic, TypeVar

__all__ = ["Newest"]

T = TypeVar("T")


class Newest(Generic[T]):
    """Holds at most one value that nobody has begun to work on.

    Args:
        same: whether two values say the same; for values that hold arrays, ``==`` cannot say it.
    """

    def __init__(self, same: Callable[[T, T], bool] = eq) -> None:
        self._same = same
        self._waiting: T | None = None
        self._last: T | None = None
        self._arrived = asyncio.Event()
        self.skipped_count = 0
        """Values that a newer one replaced before anybody took them."""

    def put(self, value: T) -> None:
        """Replaces what waits, unless it is what came last: a stream that is opened again says its newest value again."""
        if self._last is not None and self._same(self._last, value):
            return
        self._last = value
        self.skipped_count += self._waiting is not None
        self._waiting = value
        self._arrived.set()

    async def take(self) -> T:
        """Waits for a value and takes it."""
        while self._waiting is None:
            await self._arrived.wait()
            self._arrived.clear()
        value, self._waiting = self._waiting, None
        self._arrived.clear()
        return value

    async def wait(self, seconds: float) -> bool:
        """Waits until a value is here, or for so long; says whether one is."""
        try:
            async with asyncio.timeout(seconds):  # wait_for may swallow a cancellation (Python 3.11)
                await self._arrived.wait()
        except TimeoutError:
            return False
        return True
