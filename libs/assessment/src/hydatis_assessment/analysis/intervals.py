"""Means over samples and how far they can be trusted: Student's interval at 95 %, which is honest about few samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Estimate", "estimate"]

#: Student's t, 97.5 %, by degrees of freedom from 1 on; the normal quantile beyond.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over samples and its 95 % interval; the ends are NaN for a single sample."""

    value: float
    low: float
    high: float


def estimate(values: Sequence[float], grain: float = 0.0) -> Estimate:
    """mean +- t s / sqrt(n); one value has no interval.

    Args:
        values: at least one.
        grain: what a count is a multiple of: no interval is narrower than that, samples that agree may all be off by half of it.

    >>> estimate([1.0, 2.0, 3.0]).high
    4.484338...
    """
    found = np.asarray(values, dtype=np.float64)
    mean = float(found.mean())
    if found.size < 2:
        return Estimate(mean, math.nan, math.nan)
    t = _T[found.size - 2] if found.size - 2 < len(_T) else 1.96
    half = max(t * float(found.std(ddof=1)) / math.sqrt(found.size), grain / 2)
    return Estimate(mean, mean - half, mean + half)
