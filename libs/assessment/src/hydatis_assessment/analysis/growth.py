"""Workloads whose memory grows day by day: a leak, a cache that fills, or a business that does. Their maximum is no bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_assessment.analysis.series import Series

__all__ = ["GROWTH_DAYS", "growth_ratio"]

#: Days looked back on.
GROWTH_DAYS = 14
_LEAST_DAYS = 5
#: Growth is believed when daily peaks lie so near a straight line.
_LEAST_CORRELATION = 0.8


def growth_ratio(memory: Series, steps_a_day: int) -> NDArray[np.float64]:
    """By how much of their mean daily peaks of memory grow in ``GROWTH_DAYS`` days, by the line of least squares.

    Args:
        memory: shape (series, steps), whole days, bytes; NaN: not known.
        steps_a_day: steps of a day.

    Returns:
        shape (series,), > 0; 0: peaks do not lie on a rising line, or fewer than five days are known.
    """
    days = memory.reshape(len(memory), -1, steps_a_day)[:, -GROWTH_DAYS:]
    peaks = np.fmax.reduce(days, axis=2).astype(np.float64)
    found = np.zeros(len(peaks))
    for at, row in enumerate(peaks):
        known = ~np.isnan(row)
        if known.sum() < _LEAST_DAYS or not row[known].std() > 0:
            continue
        day = np.flatnonzero(known).astype(np.float64)
        correlation = float(np.corrcoef(day, row[known])[0, 1])
        if correlation >= _LEAST_CORRELATION:
            slope = correlation * row[known].std() / day.std()
            found[at] = slope * GROWTH_DAYS / row[known].mean()
    return found
