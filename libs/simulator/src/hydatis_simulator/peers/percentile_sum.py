"""The sum of pods' percentiles: Resource Central's rule as Borg's paper has it, and the same over a week.

    P = sum over warm pods of percentile_p(u_i / l_i) l_i + limits of cold pods                u capped to the limit l

RC-like (``per_vm_percentile_predictor.py`` of cluster-resource-forecast; Cortez et al., SOSP 2017): p = 99 over the last 2 hours.
Over a week (refreshed daily) it knows every hour of the week, and adds peaks that never meet.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.n_sigma import history_steps
from hydatis_simulator.peers.own_past import known_count, quantile_of_known
from hydatis_simulator.peers.predictor import WARM_COUNT, WEEK_SECONDS, PodSums

__all__ = ["PercentileSum", "RcLike", "WeekPercentile"]

Matrix = NDArray[np.float64]


class PercentileSum(PodSums):
    """Sum of percentiles.

    Args:
        percent: p, 0..100.
        history_hours: how far back.
        refresh_seconds: how often percentiles are computed anew.
    """

    def __init__(self, percent: float, history_hours: float, refresh_seconds: float) -> None:
        super().__init__(refresh_seconds)
        self._percent, self._history_hours = percent, history_hours
        self.described_by = (percent, history_hours)

    def describe(self, seen: Seen) -> Matrix:
        """The percentile, or the limit of a cold pod: shape (2, pods, 1)."""
        steps = history_steps(seen, self._history_hours)
        past, limits = seen.past(steps), seen.fleet.limits
        warm = known_count(past) >= max(min(WARM_COUNT, steps), 2)
        peak = np.minimum(quantile_of_known(past, self._percent), limits)
        return np.asarray(np.where(warm, peak, limits)[:, :, None])

    def load(self, sums: Matrix) -> Matrix:
        """shape (2, nodes)."""
        return np.asarray(sums[0])


class RcLike(PercentileSum):
    """The last two hours, newly at each sample."""

    name = "rc-like"

    def __init__(self, percent: float = 99.0, history_hours: float = 2.0) -> None:
        super().__init__(percent, history_hours, refresh_seconds=0.0)


class WeekPercentile(PercentileSum):
    """The last week, newly each day."""

    name = "week-percentile"

    def __init__(self, percent: float = 99.0) -> None:
        super().__init__(percent, WEEK_SECONDS / 3600.0, refresh_seconds=DAY_SECONDS)
