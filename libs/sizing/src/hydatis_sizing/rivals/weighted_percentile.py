"""Percentiles of weighted samples, which every published method sizes by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["age_weights", "weighted_percentile"]


def age_weights(days_count: int, samples_count: int, half_life_days: float) -> NDArray[np.float64]:
    """Weights of samples by age, shape (days, samples a day): 1 for the newest, half of it a half-life before."""
    age_days = np.arange(days_count * samples_count, dtype=np.float64)[::-1] / samples_count
    return np.asarray(0.5 ** (age_days / half_life_days)).reshape(days_count, samples_count)


def weighted_percentile(values: NDArray[np.floating], weights: NDArray[np.float64], percent: float) -> NDArray[np.float64]:
    """The least value that at least so much of the weight lies at or below.

    Args:
        values: shape (m, n); NaN: left out.
        weights: shape (m, n) or (n,), >= 0.
        percent: 0 < percent <= 100.

    Returns:
        shape (m,); NaN where a row has no weight.
    """
    held = np.where(np.isnan(values), 0.0, np.broadcast_to(weights, values.shape))
    order = np.argsort(values, axis=1)  # NaN last
    cumulative = np.cumsum(np.take_along_axis(held, order, axis=1), axis=1)
    total = cumulative[:, -1]
    # A hair less than the share, so that rounding does not ask for the sample after.
    at = (cumulative < (total * (percent / 100 * (1 - 1e-12)))[:, None]).sum(axis=1)
    found = np.take_along_axis(values, np.take_along_axis(order, np.minimum(at, values.shape[1] - 1)[:, None], axis=1), axis=1)
    return np.where(total > 0, found[:, 0].astype(np.float64), np.nan)
