"""What HYDATIS would ask for each container, had it been asked after the history: the advice of ``hydatis recommend``, taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_sizing.daily_use import DailyUse, DayOfUse
from hydatis_sizing.recommend import Container, recommend
from numpy.typing import NDArray

from hydatis_assessment.analysis.judged_days import JudgedDays
from hydatis_assessment.analysis.left_alone import facts_of
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["SizedRows", "sized_rows"]

#: Throttled for so much of a day: that day's CPU tells only what it was allowed.
_THROTTLED_RATIO = 0.25


@dataclass(frozen=True)
class SizedRows:
    """By row of the capture."""

    requests: NDArray[np.float64]
    """shape (2, rows), cores and bytes, never above the owner's; NaN: the owner's request stays."""
    memory_limits: NDArray[np.float64]
    """shape (rows,), bytes; NaN: the owner's stays."""


def sized_rows(use: ClusterUse, days: JudgedDays) -> SizedRows:
    """Sizes from the history alone."""
    history = range(days.first_day, days.first_day + days.history_days)
    book = DailyUse(max(len(use.rows), 1), use.steps_a_day)
    for day in history:
        series = use.day(day)
        throttled = np.broadcast_to(np.nan_to_num(use.throttled_ratio[:, day])[:, None] >= _THROTTLED_RATIO, series.shape[1:])
        book.absorb(
            day - days.first_day,
            DayOfUse(
                np.asarray(series[0]), np.asarray(series[1]), throttled=throttled, killed_at_bytes=use.killed_at_bytes[:, day]
            ),
        )
    group_of = np.zeros(len(use.rows), dtype=np.intp)
    containers: list[Container] = []
    for group, (name, rows) in enumerate(use.rows_of.items()):
        group_of[rows] = group
        first = use.rows[rows[0]]
        containers.append(Container(name, int(use.running[rows].sum()), facts_of(first), first.limits.memory_bytes))
    end_seconds = use.start_seconds + history.stop * use.steps_a_day * use.step_seconds
    advice = recommend(book, group_of, containers, made_at_seconds=end_seconds)
    taken = np.array(
        [
            [np.nan] * 3 if one.untouched else [one.requests.cpu_cores, one.requests.memory_bytes, one.memory_limit_bytes]
            for one in advice
        ]
    ).reshape(-1, 3)[group_of]
    return SizedRows(np.where(np.isnan(use.requests), np.nan, np.minimum(taken[:, :2].T, use.requests)), taken[:, 2])
