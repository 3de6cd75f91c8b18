"""The classical detectors that a learned one has to beat.

All standardise with the training part's mean and standard deviation (metrics that never moved: 0.01 of their unit).

    ewma            max_j |z_j(t) - m_j(t - 1)| / q_j,   m_j(t) = m_j(t - 1) + ALPHA (z_j(t) - m_j(t - 1))
    reconstruction  sum_j (z - V V' z)_j^2,              V: principal components of 90 % of the variance
    autoregression  max_j |z_j(t) - (W z(t - 1))_j| / q_j, W: ridge regression of the row on the row before

q_j is the 99 % quantile of the residual on the last ``_CONFORMAL_SHARE`` of the rows fitted on, which the autoregression's fit has
not seen (split conformal).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALPHA", "autoregression_scores", "ewma_scores", "reconstruction_scores"]

#: Weight of the newest sample: half of the memory is 7 samples old.
ALPHA = 0.1
_CONFORMAL_SHARE = 0.3
_QUANTILE = 0.99
_LEAST = 1e-2

Series = NDArray[np.float64]


def _standard(values: Series, train_rows: int) -> Series:
    deviation = values[:train_rows].std(axis=0)
    return np.asarray((values - values[:train_rows].mean(axis=0)) / np.where(deviation > 0, deviation, _LEAST))


def _conformal(residual: Series, train_rows: int) -> Series:
    held_out = residual[int(train_rows * (1 - _CONFORMAL_SHARE)) : train_rows]
    quantiles = np.maximum(np.quantile(held_out, _QUANTILE, axis=0), _LEAST)
    return np.asarray((residual / quantiles).max(axis=1))


def ewma_scores(values: Series, train_rows: int) -> Series:
    """Scores of all rows: shape (n,), >= 0.

    Args:
        values: shape (n, metrics), finite, rows in order of time.
        train_rows: how many rows, from the first, may be fitted on.
    """
    z = _standard(values, train_rows)
    residual = np.zeros_like(z)
    mean = z[0].copy()
    for row in range(1, len(z)):
        step = z[row] - mean
        residual[row] = np.abs(step)
        mean += ALPHA * step
    return _conformal(residual, train_rows)


def reconstruction_scores(values: Series, train_rows: int) -> Series:
    """As ``ewma_scores``."""
    z = _standard(values, train_rows)
    strengths, vectors = np.linalg.eigh(z[:train_rows].T @ z[:train_rows])
    explained = np.cumsum(strengths[::-1]) / max(float(strengths.sum()), 1e-12)
    components = vectors[:, ::-1][:, : int(np.searchsorted(explained, 0.9)) + 1]
    left = z - (z @ components) @ components.T
    return np.asarray((left * left).sum(axis=1))


def autoregression_scores(values: Series, train_rows: int) -> Series:
    """As ``ewma_scores``."""
    z = _standard(values, train_rows)
    fitted = max(int(train_rows * (1 - _CONFORMAL_SHARE)), 2)
    before, after = z[: fitted - 1], z[1:fitted]
    weights = np.linalg.solve(before.T @ before + 0.01 * fitted * np.eye(z.shape[1]), before.T @ after)
    residual = np.zeros_like(z)
    residual[1:] = np.abs(z[1:] - z[:-1] @ weights)
    return _conformal(residual, train_rows)
