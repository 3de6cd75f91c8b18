"""Event time: ticks and the generations named after them.

Time here is a number that is passed in, never a clock that is read. A generation is the aligned time of a tick, so that replicas
which compute apart agree on its name.
"""

from __future__ import annotations

import math

from hydatis_core.errors import InvalidValue

__all__ = ["DAY_SECONDS", "HOUR_SECONDS", "generation_at", "hour_of_day", "hour_of_week"]

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86400.0


def generation_at(time_seconds: float, tick_seconds: float) -> int:
    """The generation that a moment belongs to: the last multiple of the tick, in Unix seconds.

    Args:
        time_seconds: moment in event time, Unix seconds, finite and >= 0.
        tick_seconds: length of a tick, a whole number of seconds >= 1.

    >>> generation_at(1_375_000_019.9, 15)
    1375000005
    """
    if not math.isfinite(time_seconds) or time_seconds < 0:
        raise InvalidValue(f"{time_seconds!r} is not a time", field="time_seconds", expected="Unix seconds >= 0")
    if tick_seconds < 1 or tick_seconds != int(tick_seconds):
        raise InvalidValue(f"{tick_seconds!r} is not a tick", field="tick_seconds", expected="whole seconds >= 1")
    return int(time_seconds // tick_seconds) * int(tick_seconds)


def hour_of_day(time_seconds: float) -> float:
    """Hour of the day in UTC, 0 <= hour < 24."""
    return (time_seconds % DAY_SECONDS) / HOUR_SECONDS


def hour_of_week(time_seconds: float) -> float:
    """Hour of the week in UTC, 0 <= hour < 168; 0 is Monday 00:00. (Unix time 0 was a Thursday.)"""
    return ((time_seconds / HOUR_SECONDS) + 3 * 24) % 168
