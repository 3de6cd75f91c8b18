"""Node metrics as a watcher of them holds them: means over its window, and what is left of them when samples stop coming.

Two ways to go wrong must be told apart, because peers react differently. A node that alone was not measured is *missing* (NaN) once
no sample of it is left in the window. When no node at all was measured, the watcher is down: what it held last stays (``outage``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen

__all__ = ["NodeMetrics", "known_mean", "measured_age_seconds"]

Samples = NDArray[np.float64]


def known_mean(samples: Samples) -> Samples:
    """Mean over samples, axis 0, of what is known; NaN where nothing is."""
    known = ~np.isnan(samples)
    if known.all():
        return np.asarray(samples.mean(axis=0))
    count = known.sum(axis=0)
    total = np.where(known, samples, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def measured_age_seconds(seen: Seen) -> NDArray[np.float64]:
    """Age of each node's newest sample beyond what the scrape always takes, shape (nodes,); 0 while samples keep coming."""
    since_tick = seen.now_seconds - (seen.step * seen.fleet.step_seconds + seen.scrape_delay_seconds)
    return np.where(seen.sample_age_seconds > 0, seen.sample_age_seconds + max(since_tick, 0.0), 0.0)


class NodeMetrics:
    """Mean and deviation over the metric window, as shares of allocatable, shape (2, nodes) each; NaN: missing.

    The deviation is that of the population, as ``stddev_over_time`` of Prometheus has it.
    """

    def __init__(self, seen: Seen) -> None:
        self.mean = self.deviation = np.zeros_like(seen.allocatable)
        self.window_end_seconds = 0.0
        """End of the newest sample held."""
        self.refresh(seen)

    def refresh(self, seen: Seen) -> None:
        """Takes new samples; keeps the old figures for as long as the watcher is down."""
        if np.isnan(seen.latest).all():
            return
        ratio = seen.window / seen.allocatable
        self.mean = known_mean(ratio)
        self.deviation = np.sqrt(known_mean((ratio - self.mean) ** 2))
        self.window_end_seconds = seen.step * seen.fleet.step_seconds
