"""The recommender of the Kubernetes Vertical Pod Autoscaler, its target and its published defaults.

kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender: CPU is a percentile (90) of samples weighted by the request of their
time and by age (half-life 24 h); memory the same percentile of the peaks of eight days; both with a margin of 15 %. A kill counts
as a sample of the greater of 1.2 times the memory used and 100 MiB more. Exact percentiles here, where it has buckets of 5 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hydatis_sizing.memory_request import bumped
from hydatis_sizing.past import Past
from hydatis_sizing.rivals.weighted_percentile import age_weights, weighted_percentile
from hydatis_sizing.sizes import Sizes

__all__ = ["VerticalPodAutoscaler"]

_DAYS, _HALF_LIFE_DAYS = 8, 1.0


@dataclass(frozen=True, slots=True)
class VerticalPodAutoscaler:
    """Its target.

    Args:
        percent: of samples and peaks, 0 < percent <= 100.
        margin_ratio: on top, >= 0.
    """

    percent: float = 90.0
    margin_ratio: float = 0.15

    def size(self, past: Past) -> Sizes:
        """The limit follows the request."""
        recent = past.newest(_DAYS)
        days, samples = recent.cpu_cores.shape[1:]
        cpu = weighted_percentile(
            recent.cpu_cores.reshape(-1, days * samples), age_weights(days, samples, _HALF_LIFE_DAYS).ravel(), self.percent
        )
        peaks = np.fmax(recent.memory_peaks(), bumped(recent.killed_at_bytes))
        memory = weighted_percentile(peaks, age_weights(days, 1, _HALF_LIFE_DAYS).ravel(), self.percent)
        requests = (1 + self.margin_ratio) * np.stack([cpu, memory])
        return Sizes(requests, requests[1])
