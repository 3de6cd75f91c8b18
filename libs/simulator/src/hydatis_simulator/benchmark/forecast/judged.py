"""How good forecasts are, in the figures of the benchmark, over the same rows for every method.

With y what came, f50 and f95 the forecasts, p the newest use, over all rows of all series where everything is known:

    accuracy          1 - sum |y - f50| / sum |y|                       (1 - WAPE)
    mase              sum |y - f50| / sum |y - p|                       (against persistence, at the same horizon and rows)
    pinball_p95       mean of max(0.95 (y - f95), 0.05 (f95 - y)), per cent of allocatable
    coverage_p95      share of y <= f95
    coverage_worst    mean coverage of the tenth of the series that has the lowest one
    under_prediction  share of y > f95 + 1 % of allocatable
"""

from __future__ import annotations

import numpy as np
from hydatis_forecasting import metrics
from hydatis_forecasting.targets import TARGETS
from numpy.typing import NDArray

__all__ = ["FIGURES", "coverage_worst", "figures"]

FIGURES = ("accuracy", "mase", "pinball_p95", "coverage_p95", "coverage_worst", "under_prediction")
Matrix = NDArray[np.float32]


def figures(actual: Matrix, used: Matrix, forecasts: dict[str, Matrix]) -> dict[str, dict[str, dict[str, float]]]:
    """Figures of all methods.

    Args:
        actual: shape (series, steps, 6), what came; NaN unknown.
        used: shape (series, steps), newest use.
        forecasts: by method, shape (series, steps, 12). A row counts for a target when all methods know it.

    Returns:
        By method, then target suffix, then ``FIGURES``; NaN where no row counts.
    """
    answer: dict[str, dict[str, dict[str, float]]] = {method: {} for method in forecasts}
    for target, named in enumerate(TARGETS):
        known = ~np.isnan(actual[:, :, target]) & ~np.isnan(used)
        for forecast in forecasts.values():
            known &= ~np.isnan(forecast[:, :, 2 * target : 2 * target + 2]).any(axis=2)
        y, p = actual[:, :, target][known], used[known]
        for method, forecast in forecasts.items():
            f50, f95 = forecast[:, :, 2 * target][known], forecast[:, :, 2 * target + 1][known]
            answer[method][named.suffix] = {
                "accuracy": metrics.accuracy(y, f50),
                "mase": metrics.mase(y, f50, p),
                "pinball_p95": 100 * metrics.pinball_loss(y, f95, 0.95),
                "coverage_p95": metrics.coverage(y, f95),
                "coverage_worst": coverage_worst(actual[:, :, target], forecast[:, :, 2 * target + 1], known),
                "under_prediction": metrics.under_prediction_rate(y, f95, 0.01),
            }
    return answer


def coverage_worst(actual: Matrix, p95: Matrix, known: NDArray[np.bool_]) -> float:
    """Mean coverage of the worst tenth of the series (at least one), each (series, steps); series with no row do not count."""
    counts = known.sum(axis=1)
    covered = ((actual <= p95) & known).sum(axis=1)
    if not counts.any():
        return float("nan")
    shares = np.sort(covered[counts > 0] / counts[counts > 0])
    return float(shares[: max(1, round(len(shares) / 10))].mean())
