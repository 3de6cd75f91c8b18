"""Columns of network and disk rates.

Rates have no natural whole to take a share of (a node does not say how fast its disk could be), so they stay bytes per second. They
serve mostly to tell an anomaly from a load.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import HOUR_SECONDS
from numpy.typing import NDArray

from hydatis_features.usage_transforms import FRESH_SECONDS
from hydatis_features.window import Window

__all__ = ["io_columns"]


def io_columns(metric: str, samples: Window, now_seconds: float) -> dict[str, NDArray[np.float32]]:
    """Mean over 15 minutes and maximum over an hour of one rate.

    Args:
        metric: a name of ``usage.METRICS`` that ends in ``_bytes_per_second``.
        samples: the rate over at least an hour, (k, nodes).
        now_seconds: the tick's time.
    """
    name = metric.removesuffix("_bytes_per_second")
    return {
        f"{name}_mean_15m_bytes_per_second": samples.after(now_seconds - FRESH_SECONDS).mean,
        f"{name}_max_1h_bytes_per_second": samples.after(now_seconds - HOUR_SECONDS).maximum,
    }
