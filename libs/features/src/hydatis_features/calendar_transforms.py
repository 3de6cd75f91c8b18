"""Columns of the time of day and of the week.

Sine and cosine instead of the hour itself, so that 23:59 and 00:00 are neighbours to a model as they are to people. UTC throughout:
what an hour means locally is learned.
"""

from __future__ import annotations

import math

from hydatis_core.event_time import hour_of_day, hour_of_week

__all__ = ["calendar_columns"]


def calendar_columns(now_seconds: float) -> dict[str, float]:
    """The four columns, the same for every node.

    Args:
        now_seconds: the tick's time.
    """
    day = 2 * math.pi * hour_of_day(now_seconds) / 24
    week = 2 * math.pi * hour_of_week(now_seconds) / 168
    return {
        "hour_of_day_sin": math.sin(day),
        "hour_of_day_cos": math.cos(day),
        "hour_of_week_sin": math.sin(week),
        "hour_of_week_cos": math.cos(week),
    }
