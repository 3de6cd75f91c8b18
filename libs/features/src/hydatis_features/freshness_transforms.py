"""Columns that say how far the others can be trusted: age, coverage, suspicion.

A model that sees them can learn what a gap means; a ladder that sees them can step down. They are the state "unknown" made visible.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS, HOUR_SECONDS
from numpy.typing import NDArray

from hydatis_features.usage_transforms import FRESH_SECONDS
from hydatis_features.window import Window
from hydatis_features.windows import BIN_SECONDS, NodeWindows

__all__ = ["daily_coverage_columns", "freshness_columns"]


def freshness_columns(windows: NodeWindows, cpu: Window, memory: Window, now_seconds: float) -> dict[str, NDArray[np.float64]]:
    """Age of the newest sample, coverage of the hour, zero-suspicion.

    Args:
        windows: whose samples they are.
        cpu: samples of CPU, at least an hour of them.
        memory: samples of memory, of the same times.
        now_seconds: the tick's time.
    """
    known = cpu.after(now_seconds - HOUR_SECONDS).known | memory.after(now_seconds - HOUR_SECONDS).known
    stale = windows.last_sample_seconds <= now_seconds - FRESH_SECONDS
    return {
        "usage_age_seconds": now_seconds - windows.newest_seconds,
        "usage_coverage_1h_ratio": np.minimum(np.count_nonzero(known, axis=0) * windows.tick_seconds / HOUR_SECONDS, 1.0),
        "usage_zero_suspect": np.full(windows.node_count, np.nan) if stale else windows.zero_suspect.astype(np.float64),
    }


def daily_coverage_columns(cpu: Window, memory: Window, now_seconds: float) -> dict[str, NDArray[np.float32]]:
    """Share of the last day's closed bins with CPU or memory known.

    Args:
        cpu: 5-minute means of CPU by the time of the bin's end, up to now.
        memory: those of memory.
        now_seconds: end of the last whole bin.
    """
    known = cpu.after(now_seconds - DAY_SECONDS).known | memory.after(now_seconds - DAY_SECONDS).known
    return {"usage_coverage_24h_ratio": (np.count_nonzero(known, axis=0) / (DAY_SECONDS / BIN_SECONDS)).astype(np.float32)}
