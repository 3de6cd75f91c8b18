"""Mean CPU use by hour of the day, for many workloads at once: the shape of a workload's day.

A median over a day says too little of a pod that is bound at three in the morning. Only the shape is kept here (each hour over the
mean of the known hours); the level comes from the histograms.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.event_time import hour_of_day
from numpy.typing import NDArray

__all__ = ["HOUR_COUNT", "HourOfDayMeans"]

HOUR_COUNT = 24


class HourOfDayMeans:
    """Decaying mean of a share by hour of the day (UTC), one row per workload.

    Args:
        half_life_seconds: age at which a sample weighs half against newer ones of the same hour, > 0.
    """

    def __init__(self, half_life_seconds: float) -> None:
        self.half_life_seconds = half_life_seconds
        # Sum of weighted shares, sum of weights, and the event time both are decayed to; shape (rows, 24).
        self._sum = np.zeros((0, HOUR_COUNT))
        self._weight = np.zeros((0, HOUR_COUNT))
        self._at_seconds = np.zeros((0, HOUR_COUNT))

    def add(self, rows: NDArray[np.intp], shares: NDArray[np.float64], time_seconds: float) -> None:
        """Adds one sample per entry to the hour of the given time.

        Args:
            rows: shape (m,), row of each sample, -1: left out. Rows may repeat.
            shares: shape (m,), CPU use over request, >= 0; NaN: left out.
            time_seconds: event time of the samples.
        """
        known = (rows >= 0) & ~np.isnan(shares)
        if not known.any():
            return
        at = rows[known]
        self._grow(int(at.max()) + 1)
        sums = np.bincount(at, shares[known])
        counts = np.bincount(at)
        touched = np.flatnonzero(counts)
        hour = int(hour_of_day(time_seconds))
        age = np.maximum(time_seconds - self._at_seconds[touched, hour], 0.0)
        decay = np.exp2(-age / self.half_life_seconds)
        self._sum[touched, hour] = self._sum[touched, hour] * decay + sums[touched]
        self._weight[touched, hour] = self._weight[touched, hour] * decay + counts[touched]
        self._at_seconds[touched, hour] = time_seconds

    def factors(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean of each hour over the mean of the known hours, shape (m, 24), >= 0.

        NaN: an hour never seen, and all hours of a row that only ever used nothing.
        """
        found = np.full((len(rows), HOUR_COUNT), np.nan)
        inside = rows < len(self._sum)
        at = rows[inside]
        known = self._weight[at] > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(known, self._sum[at] / self._weight[at], 0.0)
            level = means.sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
            found[inside] = np.where(known & (level > 0), means / level, np.nan)
        return found

    def drop(self, rows: NDArray[np.intp]) -> None:
        """Forgets rows."""
        at = rows[rows < len(self._sum)]
        self._sum[at] = self._weight[at] = self._at_seconds[at] = 0.0

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that it holds, for a snapshot."""
        return {"sum": self._sum, "weight": self._weight, "at_seconds": self._at_seconds}

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Takes over what ``arrays`` gave.

        Raises:
            InvalidValue: the arrays are not rows of 24 hours.
        """
        shapes = {arrays[name].shape for name in ("sum", "weight", "at_seconds")}
        if len(shapes) != 1 or next(iter(shapes))[1:] != (HOUR_COUNT,):
            raise InvalidValue(f"arrays of shapes {sorted(shapes)}", field="hours", expected="rows x 24, all alike")
        self._sum = np.array(arrays["sum"], dtype=np.float64)
        self._weight = np.array(arrays["weight"], dtype=np.float64)
        self._at_seconds = np.array(arrays["at_seconds"], dtype=np.float64)

    def _grow(self, needed: int) -> None:
        if needed <= len(self._sum):
            return
        extra = np.zeros((max(64, 2 * len(self._sum), needed) - len(self._sum), HOUR_COUNT))
        self._sum = np.concatenate([self._sum, extra])
        self._weight = np.concatenate([self._weight, extra])
        self._at_seconds = np.concatenate([self._at_seconds, extra])
