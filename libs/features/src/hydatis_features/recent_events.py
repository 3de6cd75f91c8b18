"""How many pods came to or left each node in the last minutes.

A burst of starts is what a window of measurements shows too late; counting events needs their times, and only for as long as the
window is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["RecentEvents"]


class RecentEvents:
    """Times and rows of recent events.

    Args:
        span_seconds: how far back they count.
    """

    def __init__(self, span_seconds: float) -> None:
        self.span_seconds = span_seconds
        self._events: list[tuple[float, int]] = []

    def add(self, time_seconds: float, row: int) -> None:
        """Notes an event of a node, in any order of time."""
        self._events.append((time_seconds, row))

    def counts(self, now_seconds: float, node_count: int) -> NDArray[np.int64]:
        """Events with now - span < time <= now, shape (nodes,)."""
        rows = [row for time, row in self._events if now_seconds - self.span_seconds < time <= now_seconds]
        return np.bincount(np.array(rows, dtype=np.int64), minlength=node_count)

    def forget_before(self, now_seconds: float) -> None:
        """Drops the events that can count no more."""
        self._events = [event for event in self._events if event[0] > now_seconds - self.span_seconds]

    def renumber(self, new_rows: Sequence[int]) -> None:
        """Moves events to new rows; ``new_rows[old]`` is the new one, -1: the node is gone."""
        self._events = [(time, new_rows[row]) for time, row in self._events if new_rows[row] >= 0]

    def to_list(self) -> list[tuple[float, int]]:
        """The events, JSON-able, for a snapshot; the constructor's object takes them back by ``add``."""
        return list(self._events)
