"""How many of a thing may be under way at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Places"]


class Places:
    """So many places, in one event loop.

    Args:
        count: places in all.
    """

    def __init__(self, count: int) -> None:
        self._left = count

    @property
    def are_taken(self) -> bool:
        """Whether one more is too many."""
        return self._left <= 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Takes a place for the block."""
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1
