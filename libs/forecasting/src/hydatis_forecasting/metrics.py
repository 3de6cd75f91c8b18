"""How good a forecast is, in numbers that can be recomputed by hand.

Each is a formula over a forecast f and what came, y. Pairs in which either is unknown (NaN) do not count; where nothing counts, the
answer is NaN. No single one is enough: a p95 that is always 1 has perfect coverage, which is why the pinball loss stands beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["accuracy", "coverage", "mase", "mean_absolute_error", "pinball_loss", "under_prediction_rate"]


def _known(*arrays: ArrayLike) -> list[NDArray[np.float64]]:
    values = [np.asarray(array, dtype=np.float64) for array in arrays]
    mask = np.logical_and.reduce([~np.isnan(value) for value in values])
    return [value[mask] for value in values]


def pinball_loss(actual: ArrayLike, forecast: ArrayLike, quantile: float) -> float:
    """mean(max(q (y - f), (q - 1) (y - f))), in the unit of y; lower is better (Koenker and Bassett 1978).

    >>> pinball_loss([1.0, 1.0], [0.0, 2.0], 0.95)
    0.5
    """
    y, f = _known(actual, forecast)
    error = y - f
    return float(np.mean(np.maximum(quantile * error, (quantile - 1.0) * error))) if error.size else float("nan")


def coverage(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Share of y <= f, 0..1. For a forecast of quantile q it should be q."""
    y, f = _known(actual, forecast)
    return float(np.mean(y <= f)) if y.size else float("nan")


def under_prediction_rate(actual: ArrayLike, forecast: ArrayLike, tolerance: float = 0.0) -> float:
    """Share of y > f + tolerance, 0..1: how often a node got fuller than was said. With tolerance 0 it is 1 - coverage."""
    y, f = _known(actual, forecast)
    return float(np.mean(y > f + tolerance)) if y.size else float("nan")


def mean_absolute_error(actual: ArrayLike, forecast: ArrayLike) -> float:
    """mean |y - f|, in the unit of y."""
    y, f = _known(actual, forecast)
    return float(np.mean(np.abs(y - f))) if y.size else float("nan")


def accuracy(actual: ArrayLike, forecast: ArrayLike) -> float:
    """1 - WAPE = 1 - sum |y - f| / sum |y|: at most 1, below 0 when worse than saying 0. NaN when all y are 0.

    Weighted by the size of y, so an idle node cannot spoil it by being 2 % instead of 1 % busy (as it would a MAPE).

    >>> accuracy([1.0, 3.0], [1.5, 2.5])
    0.75
    """
    y, f = _known(actual, forecast)
    total = float(np.sum(np.abs(y)))
    return 1.0 - float(np.sum(np.abs(y - f))) / total if total > 0 else float("nan")


def mase(actual: ArrayLike, forecast: ArrayLike, persistence: ArrayLike) -> float:
    """sum |y - f| / sum |y - p| over the same pairs, p the newest use: below 1 beats "it stays as it is".

    Scaled by the errors of persistence over the judged rows themselves and the same horizon (Hyndman and Koehler 2006 scale by
    one-step errors of the training set). NaN when persistence makes no error.
    """
    y, f, p = _known(actual, forecast, persistence)
    scale = float(np.sum(np.abs(y - p)))
    return float(np.sum(np.abs(y - f))) / scale if scale > 0 else float("nan")
