"""What HYDATIS would ask for each container, had it been asked after the history: the advice of ``hydatis recommend``, taken."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hydatis_assessment.advice import advice
from hydatis_assessment.analysis.judged_days import JudgedDays
from hydatis_assessment.cluster_use import DAY_SECONDS, ClusterUse

__all__ = ["SizedRows", "sized_rows"]


@dataclass(frozen=True)
class SizedRows:
    """By row of the capture."""

    requests: NDArray[np.float64]
    """shape (2, rows), cores and bytes, never above the owner's; NaN: the owner's request stays."""
    memory_limits: NDArray[np.float64]
    """shape (rows,), bytes; NaN: the owner's stays."""


def sized_rows(use: ClusterUse, days: JudgedDays) -> SizedRows:
    """Sizes from the history alone."""
    rows_of = use.rows_of
    taken = np.full((3, len(use.rows)), np.nan)
    for one in advice(_history(use, days)):
        if not one.untouched:
            sizes = (one.requests.cpu_cores, one.requests.memory_bytes, one.memory_limit_bytes)
            taken[:, rows_of[one.container]] = np.array(sizes)[:, None]
    return SizedRows(np.where(np.isnan(use.requests), np.nan, np.minimum(taken[:2], use.requests)), taken[2])


def _history(use: ClusterUse, days: JudgedDays) -> ClusterUse:
    """The same cluster, as if nothing after the history were known; views, no copies."""
    first, end = days.first_day, days.first_day + days.history_days
    return replace(
        use,
        start_seconds=use.start_seconds + first * DAY_SECONDS,
        use=use.use[:, :, first * use.steps_a_day : end * use.steps_a_day],
        node_by_day=use.node_by_day[:, first:end],
        throttled_ratio=use.throttled_ratio[:, first:end],
        kills_count=use.kills_count[:, first:end],
        killed_at_bytes=use.killed_at_bytes[:, first:end],
    )
