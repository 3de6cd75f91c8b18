"""What relief is told of the coming hour: a forecast that any cluster could have, of nothing but what nodes used so far.

    p95 of the next hour's highest use = highest of the last hour + 95th percentile of growth
    growth = highest of an hour - highest of the hour before, of every node and hour of the last day

That is persistence with a rolling offset, which the served forecaster beats by a fifth (docs/benchmarks/forecast.md).
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from numpy.typing import NDArray

__all__ = ["HourOutlook", "past_steps"]

_HOUR_SECONDS = 3600.0
_PERCENT = 95.0


def past_steps(step_seconds: float) -> int:
    """Steps that must lie before the first that is asked about."""
    return round((DAY_SECONDS + _HOUR_SECONDS) / step_seconds)


class HourOutlook:
    """Forecasts of nodes.

    Args:
        ratios: shape (2, nodes, steps), use over allocatable; may change while pods move. Only steps before the one that is asked
            about are looked at.
        step_seconds: of a step.
    """

    def __init__(self, ratios: NDArray[np.float32], step_seconds: float) -> None:
        self._ratios = ratios
        self._hour = round(_HOUR_SECONDS / step_seconds)
        self._past = past_steps(step_seconds)
        self._offsets = np.zeros((2, 1), dtype=np.float32)
        self._learned_step = -self._past

    def hottest(self, step: int) -> NDArray[np.float64]:
        """shape (nodes,): the greater of CPU and memory, as seen when a step begins."""
        if step - self._learned_step >= self._hour:
            past = self._ratios[:, :, step - self._past : step]
            peaks = past.reshape(*past.shape[:2], -1, self._hour).max(axis=3)
            self._offsets = np.percentile(np.diff(peaks, axis=2).reshape(2, -1), _PERCENT, axis=1)[:, None]
            self._learned_step = step
        recent = self._ratios[:, :, step - self._hour : step].max(axis=2)
        return np.asarray((recent + self._offsets).max(axis=0), dtype=np.float64)
