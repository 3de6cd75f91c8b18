"""Columns of CPU and memory use, from the windows.

What needs single samples is computed at every tick; what is made of 5-minute means changes only when a bin closes, and is computed
apart so that it can be kept in between.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS, HOUR_SECONDS
from numpy.typing import NDArray

from hydatis_features.window import Window
from hydatis_features.windows import BIN_SECONDS

__all__ = ["FRESH_SECONDS", "daily_use_columns", "recent_use_columns"]

#: A "newest sample" older than this is no longer a sign of now: unknown.
FRESH_SECONDS = 900.0
HOT_RATIO = 0.8
EWMA_HALF_LIFE_SECONDS = 1800.0
LAG_TOLERANCE_SECONDS = 600.0
Columns = dict[str, NDArray[np.float32]]


def recent_use_columns(
    resource: str, samples: Window, requested_ratio: NDArray[np.float32], now_seconds: float, tick_seconds: float
) -> Columns:
    """Columns made of single samples.

    Args:
        resource: "cpu" or "memory".
        samples: use as a share of allocatable over the last 70 minutes, (k, nodes).
        requested_ratio: shape (nodes,), share of allocatable that is requested.
        now_seconds: the tick's time.
        tick_seconds: time between samples; neighbours further apart than one and a half of it are none.
    """
    hour = samples.after(now_seconds - HOUR_SECONDS)
    quarter = samples.after(now_seconds - FRESH_SECONDS)
    p50, p95 = hour.quantiles((0.5, 0.95))
    used = quarter.last
    columns = {
        "used_ratio": used,
        "used_mean_15m_ratio": quarter.mean,
        "used_mean_1h_ratio": hour.mean,
        "used_max_15m_ratio": quarter.maximum,
        "used_max_1h_ratio": hour.maximum,
        "used_min_1h_ratio": hour.minimum,
        "used_p50_1h_ratio": p50,
        "used_p95_1h_ratio": p95,
        "used_std_1h_ratio": hour.std,
        "used_ewma_30m_ratio": hour.decayed_mean(now_seconds, EWMA_HALF_LIFE_SECONDS),
        "used_change_15m_ratio": np.where(quarter.counts >= 2, used - quarter.first, np.float32(np.nan)),
        "used_lag_1h_ratio": samples.closest(now_seconds - HOUR_SECONDS, LAG_TOLERANCE_SECONDS),
        "used_slope_1h_ratio_per_hour": hour.slope_per_second * np.float32(HOUR_SECONDS),
        "used_volatility_1h_ratio": hour.mean_absolute_change(1.5 * tick_seconds),
        "used_burstiness_1h": _burstiness(hour),
        "hot_1h_ratio": hour.share_above(HOT_RATIO),
        "headroom_p95_1h_ratio": 1 - p95,
        "request_slack_ratio": requested_ratio - used,
    }
    return {f"{resource}_{name}": column for name, column in columns.items()}


def daily_use_columns(resource: str, bins: Window, now_seconds: float) -> Columns:
    """Columns made of 5-minute means.

    Args:
        resource: "cpu" or "memory".
        bins: means of closed bins as a share of allocatable, (k, nodes), by the time of the bin's end, up to now.
        now_seconds: end of the last whole bin.
    """
    day = bins.after(now_seconds - DAY_SECONDS)
    six_hours = bins.after(now_seconds - 6 * HOUR_SECONDS)
    p50, p95 = day.quantiles((0.5, 0.95))
    next_hour_yesterday = day.values[day.times <= now_seconds - 23 * HOUR_SECONDS]
    columns = {
        "used_mean_6h_ratio": six_hours.mean,
        "used_mean_24h_ratio": day.mean,
        "used_max_6h_ratio": six_hours.maximum,
        "used_max_24h_ratio": day.maximum,
        "used_p50_24h_ratio": p50,
        "used_p95_24h_ratio": p95,
        "used_std_24h_ratio": day.std,
        "used_lag_24h_ratio": bins.closest(now_seconds - DAY_SECONDS, LAG_TOLERANCE_SECONDS),
        "used_max_next_hour_yesterday_ratio": Window(next_hour_yesterday, day.times[: len(next_hour_yesterday)]).maximum,
    }
    return {f"{resource}_{name}": column for name, column in columns.items()}


def last_whole_bin_seconds(now_seconds: float) -> float:
    """End of the newest bin that lies wholly in the past."""
    return now_seconds // BIN_SECONDS * BIN_SECONDS


def _burstiness(window: Window) -> NDArray[np.float32]:
    """(s - m) / (s + m) (Goh and Barabasi, EPL 81, 2008); -1 for a constant, also a constant zero."""
    total = window.std + window.mean
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total == 0, np.float32(-1), (window.std - window.mean) / total)
