"""Calibration: lifts or lowers the p95 columns until they cover what they claim, on rows the model has not seen.

A boosted quantile is too low on data it was not fitted to. Split conformal prediction repairs that with one number per column,
measured on a later slice of time: one-sided conformalised quantile regression (Romano, Patterson, Candes 2019).

For a column with quantile q, residuals e_i = y_i - f_i on n held-out rows: the offset is the k-th smallest e, k = ceil((n + 1) q).
Were the rows exchangeable, f + offset would cover the next y with a probability of at least q. Rows of a time series are not: so
this is a correction that is checked on a third slice, and not a guarantee.
"""

from __future__ import annotations

import math

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_forecasting.targets import QUANTILES, TARGETS

__all__ = ["conformal_offset", "p95_offsets"]


def conformal_offset(actual: NDArray[np.floating], forecast: NDArray[np.floating], quantile: float) -> float:
    """What to add to a forecast so that it covers a share ``quantile`` of what came, by the formula above.

    Args:
        actual: shape (n,). NaN pairs do not count.
        forecast: shape (n,).
        quantile: 0 < q < 1.

    Returns:
        The offset in the unit of the forecast; below 0 when the forecast was too high.

    Raises:
        InvalidValue: fewer than ceil(q / (1 - q)) known pairs: too few for that quantile.

    >>> conformal_offset(np.arange(20, dtype=np.float32), np.zeros(20, dtype=np.float32), 0.9)
    18.0
    """
    residual = (actual.astype(np.float64) - forecast).ravel()
    residual = np.sort(residual[~np.isnan(residual)])
    rank = math.ceil((len(residual) + 1) * quantile - 1e-9)
    if rank > len(residual) or rank < 1:
        needed = math.ceil(quantile / (1 - quantile) - 1e-9)
        raise InvalidValue(f"{len(residual)} rows are too few to calibrate", field="actual", expected=f"{needed} or more")
    return float(residual[rank - 1])


def p95_offsets(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets of all 12 columns of a resource: conformal for p95, 0 for p50.

    Args:
        residuals: shape (n, 12), what came less what the model said before any calibration; the offsets have their unit.

    Raises:
        WrongShape: not 12 columns.
        InvalidValue: too few rows.
    """
    if residuals.ndim != 2 or residuals.shape[1] != len(TARGETS) * len(QUANTILES):
        raise WrongShape(f"residuals of shape {residuals.shape}", field="residuals", expected="(n, 12)")
    offsets = np.zeros(residuals.shape[1])
    for column in range(1, residuals.shape[1], len(QUANTILES)):
        offsets[column] = conformal_offset(residuals[:, column], np.zeros(len(residuals)), 0.95)
    return offsets
