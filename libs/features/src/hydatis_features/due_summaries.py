"""Summaries of histograms that have enough new weight: quantiles and laws of use.

A summary is taken anew when at least 4 % of a key's weight is new, so that steady workloads are not sent at every tick.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_features.decaying_histograms import HistogramBank
from hydatis_features.use_law import hedged

__all__ = ["due_summaries"]

#: Share of new weight at which a summary is taken anew.
REFRESH_SHARE = 0.04
_QUANTILES = (0.5, 0.95)
Matrix = NDArray[np.float64]


def due_summaries(
    bank: HistogramBank, touched: NDArray[np.intp], min_weight: float, time_seconds: float
) -> tuple[NDArray[np.intp], Matrix, Matrix, Matrix]:
    """Takes the summaries that are due. Their values are rounded as float32 is: the wire changes nothing.

    Args:
        bank: where the histograms are; its rows are marked as summarised.
        touched: rows that have a new sample.
        min_weight: weight, in samples, below which a resource counts as unknown.
        time_seconds: event time now.

    Returns:
        The rows whose summary was due, shape (m,); medians and 95th percentiles of CPU and memory as shares of the request,
        (m, 4); their laws, hedged, (m, 2, tail weights); and their weights, (m,). NaN: unknown.
    """
    weights = bank.weights(touched, time_seconds)
    due = (weights.max(axis=1) >= min_weight) & (bank.fresh_share(touched) >= REFRESH_SHARE)
    rows, weights = touched[due], weights[due]
    quantiles, laws = bank.quantiles(rows, _QUANTILES), hedged(bank.effective_uses(rows), weights)
    quantiles[weights < min_weight] = np.nan
    laws[weights < min_weight] = np.nan
    bank.mark_summarised(rows)
    return rows, _rounded(quantiles.reshape(len(rows), 4)), _rounded(laws), weights.max(axis=1)


def _rounded(values: Matrix) -> Matrix:
    return values.astype(np.float32).astype(np.float64)
