"""Which days may be known and which are judged: what sizes, places and is tuned sees the first part of the past alone.

    | history: policies and sizers look at it | a day on which pods arrive | judged: nobody has seen it |

Peers are tuned inside the history, by the same cut once more.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEAST_DAYS", "JudgedDays", "cut"]

#: One of each.
LEAST_DAYS = 3
_ARRIVAL_DAYS = 1
#: Nothing is sized by less.
_LEAST_HISTORY_DAYS = 2
_MOST_HISTORY_DAYS, _MOST_JUDGED_DAYS = 14, 21


@dataclass(frozen=True, slots=True)
class JudgedDays:
    """Numbers of days of a capture."""

    first_day: int
    """First of the history."""
    history_days: int
    judged_days: int
    arrival_days: int = _ARRIVAL_DAYS

    @property
    def judged_from_day(self) -> int:
        """First that is judged."""
        return self.first_day + self.history_days + self.arrival_days

    @property
    def end_day(self) -> int:
        """The day after the last."""
        return self.judged_from_day + self.judged_days

    @property
    def for_tuning(self) -> JudgedDays | None:
        """The cut inside the history; None: too short."""
        inside = cut(self.history_days)
        return JudgedDays(self.first_day, inside.history_days, inside.judged_days) if inside else None


def cut(days: int) -> JudgedDays | None:
    """Half of the newest days, at least two where there are four and at most 14, are history; at most 21 of the rest are judged.

    Args:
        days: whole days of the past; None is returned for fewer than ``LEAST_DAYS``.
    """
    if days < LEAST_DAYS:
        return None
    half = max((days - _ARRIVAL_DAYS) // 2, _LEAST_HISTORY_DAYS)
    history = min(half, _MOST_HISTORY_DAYS, days - _ARRIVAL_DAYS - 1)
    judged = min(days - history - _ARRIVAL_DAYS, _MOST_JUDGED_DAYS)
    return JudgedDays(days - history - _ARRIVAL_DAYS - judged, history, judged)
