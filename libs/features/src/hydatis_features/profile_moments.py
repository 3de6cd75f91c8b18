"""Exponential moments of what a pod used: the summary of a history from which sums over many pods can be made.

Percentiles of pods do not add up to a percentile of their node. Logarithms of exponential moments do: for independent pods
ln E[exp(s (x + y))] = ln E[exp(s x)] + ln E[exp(s y)]. A handful of them per workload keeps the mean (small s), the variance and
the tail (large s), in bounded memory, and a node's sum is had by adding.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import WrongShape
from numpy.typing import NDArray

__all__ = ["log_moments"]

#: Exponents are cut here: exp(60) is far beyond any load that may be placed, and sums of it stay finite.
_LARGEST_EXPONENT = 60.0


def log_moments(shares: NDArray[np.floating], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln mean(exp(s x)) over the known samples of each history.

    Args:
        shares: shape (..., samples), use as shares of whatever the scales are per, >= 0, NaN: not measured.
        scales: shape (scales,), s >= 0.

    Returns:
        shape (scales, ...), >= 0 for shares >= 0, NaN where no sample is known; s x counts as 60 at most.

    Raises:
        WrongShape: there are no samples, or the scales are not a row.
    """
    if shares.ndim < 1 or not shares.shape[-1] or scales.ndim != 1:
        raise WrongShape(f"shares {shares.shape}, scales {scales.shape}", field="shares", expected="samples last, a row of scales")
    known = ~np.isnan(shares)
    count = known.sum(axis=-1)
    filled = shares if known.all() else np.where(known, shares, -np.inf)
    largest = filled.max(axis=-1)
    result = np.empty((scales.size, *shares.shape[:-1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        for number, scale in enumerate(scales):
            top = np.minimum(scale * largest, _LARGEST_EXPONENT) if scale else np.zeros_like(largest)
            exponents = np.minimum(filled * scale if scale else np.where(known, 0.0, -np.inf), _LARGEST_EXPONENT)
            sums = np.exp((exponents - top[..., None]).astype(np.float32)).sum(axis=-1, dtype=np.float64)
            result[number] = np.where(count > 0, top + np.log(sums / count), np.nan)
    return result
