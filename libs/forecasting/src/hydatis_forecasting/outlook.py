"""The outlook of a node: how high its use will get within the next hour.

A placed pod stays, so what decides a placement is the maximum ahead and not the next point. The outlook is that part of a forecast,
and the only part that placement reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hydatis_forecasting.forecast_table import ForecastTable

__all__ = ["OUTLOOK_HORIZON_SECONDS", "Outlook", "outlook"]

#: How far the outlook reaches, in seconds.
OUTLOOK_HORIZON_SECONDS = 3600


@dataclass(frozen=True)
class Outlook:
    """Highest use over the next hour, each of shape (nodes,), float32, share of allocatable, >= 0, NaN unknown."""

    cpu_p50: NDArray[np.float32]
    """Median of the maximum of CPU."""
    cpu_p95: NDArray[np.float32]
    """95th percentile of the maximum of CPU."""
    memory_p50: NDArray[np.float32]
    """Median of the maximum of memory."""
    memory_p95: NDArray[np.float32]
    """95th percentile of the maximum of memory."""


def outlook(forecast: ForecastTable) -> Outlook:
    """The outlook that a forecast holds: contiguous copies of its ``max_3600s`` columns."""

    def of(resource: str, quantile: str) -> NDArray[np.float32]:
        return np.ascontiguousarray(forecast.column(f"{resource}_{quantile}_max_{OUTLOOK_HORIZON_SECONDS}s"))

    return Outlook(of("cpu", "p50"), of("cpu", "p95"), of("memory", "p50"), of("memory", "p95"))
