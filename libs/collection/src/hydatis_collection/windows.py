"""Windows of time: what is collected, kept and thrown away at once.

A window is aligned to multiples of its length, so that two collections of one Prometheus make the same windows whenever they were
started, and each has one name for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Window", "dropped_windows", "settled_windows"]

_NAME = "%Y%m%dT%H%MZ"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """From its start up to, and without, its end; Unix seconds."""

    start_seconds: int
    length_seconds: int

    @property
    def end_seconds(self) -> int:
        """The first second after it."""
        return self.start_seconds + self.length_seconds

    @property
    def name(self) -> str:
        """UTC, as in ``20261123T2300Z``: sorts by time."""
        return datetime.fromtimestamp(self.start_seconds, UTC).strftime(_NAME)

    @classmethod
    def named(cls, name: str, length_seconds: int) -> Window:
        """The window of a name.

        Raises:
            ValueError: it is no such name.
        """
        return cls(int(datetime.strptime(name, _NAME).replace(tzinfo=UTC).timestamp()), length_seconds)


def settled_windows(first_seconds: float, now_seconds: float, length_seconds: int, settle_seconds: float) -> list[Window]:
    """Windows from a time on that are over, oldest first.

    Args:
        first_seconds: windows that begin before it are left out.
        now_seconds: Unix time.
        length_seconds: of a window.
        settle_seconds: how long after its end samples of a window may still come.
    """
    first = math.ceil(first_seconds / length_seconds)
    end = math.floor((now_seconds - settle_seconds) / length_seconds)
    return [Window(number * length_seconds, length_seconds) for number in range(first, end)]


def dropped_windows(windows: Iterable[Window], now_seconds: float, retention_days: float) -> list[Window]:
    """Windows that ended longer ago than they are kept."""
    oldest = now_seconds - retention_days * 86_400
    return [window for window in windows if window.end_seconds <= oldest]
