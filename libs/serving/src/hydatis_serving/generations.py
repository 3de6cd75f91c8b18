"""The newest few generations of something.

Answers are joined by generation, and two parties are seldom at the same tick at the same moment: each keeps a few, so that a newest
common one exists.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from hydatis_core.errors import GenerationUnavailable

__all__ = ["Generations"]

T = TypeVar("T")


class Generations(Generic[T]):
    """Values by generation; the newest ``keep_count`` are kept.

    Args:
        keep_count: how many, >= 1.
        noun: what is kept, for error messages ("forecast").
    """

    def __init__(self, keep_count: int = 3, noun: str = "value") -> None:
        self._keep_count = keep_count
        self._noun = noun
        self._values: dict[int, T] = {}
        self._newest = 0
        self._waiting: list[tuple[int, asyncio.Future[int]]] = []

    def put(self, generation: int, value: T) -> None:
        """Takes a generation, replacing what was there; one older than all that are kept is let go at once."""
        self._values[generation] = value
        while len(self._values) > self._keep_count:
            del self._values[min(self._values)]
        self._newest = max(self._values)
        if self._waiting:
            still = []
            for at_least, waiter in self._waiting:
                if waiter.done():
                    continue
                if self._newest >= at_least:
                    waiter.set_result(self._newest)
                else:
                    still.append((at_least, waiter))
            self._waiting = still

    def clear(self) -> None:
        """Forgets all."""
        self._values.clear()
        self._newest = 0

    def find(self, generation: int) -> T | None:
        """The value of a generation; 0 is the newest; None when it is not here."""
        return self._values.get(generation or self._newest)

    def get(self, generation: int = 0) -> T:
        """The value of a generation; 0 is the newest.

        Raises:
            GenerationUnavailable: it is not here.
        """
        value = self._values.get(generation or self._newest)
        if value is None:
            held = ", ".join(map(str, self.held())) or "none"
            shown = f"no {self._noun} of generation {generation}" if generation else f"no {self._noun} yet"
            raise GenerationUnavailable(shown, field="generation", expected=f"one of those held: {held}")
        return value

    @property
    def newest(self) -> int:
        """The newest generation; 0: none."""
        return self._newest

    def held(self) -> tuple[int, ...]:
        """The generations held, newest first."""
        return tuple(sorted(self._values, reverse=True))

    def __contains__(self, generation: int) -> bool:
        return generation in self._values

    def __len__(self) -> int:
        return len(self._values)

    async def wait(self, at_least: int) -> int:
        """Waits until the newest generation is >= ``at_least`` and returns it. Bound it by the call's deadline."""
        if self._newest >= at_least and self._values:
            return self._newest
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((at_least, waiter))
        return await waiter
