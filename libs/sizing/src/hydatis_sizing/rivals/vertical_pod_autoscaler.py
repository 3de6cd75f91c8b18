"""The recommender of the Kubernetes Vertical Pod Autoscaler, its target and its published defaults.

kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender (model/aggregations_config.go, model/container.go,
logic/recommender.go, util/histogram.go): CPU is the 90th percentile of samples weighted by age (half-life 24 h); memory the same of
the daily peaks of eight days; both are given as the end of the bucket that holds them (buckets 5 % wider each, the first
of 1 milli-core and 10 MB), with a margin of 15 %, and never below 25 milli-cores and 250 MiB. A kill counts as a sample of the
greater of 1.2 times the memory and 100 MiB more. (It also weighs CPU by the request of its time, which here never changes.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hydatis_sizing.memory_request import bumped
from hydatis_sizing.past import Past
from hydatis_sizing.rivals.weighted_percentile import age_weights, weighted_percentile
from hydatis_sizing.sizes import Sizes

__all__ = ["VerticalPodAutoscaler", "bucket_ends"]

_DAYS, _HALF_LIFE_DAYS = 8, 1.0
_GROWTH = 1.05
#: Width of the first bucket and least recommendation, by resource: cores and bytes.
_FIRST, _LEAST = (0.001, 1e7), np.array([0.025, 250.0 * 2**20])


def bucket_ends(values: NDArray[np.float64], first: float) -> NDArray[np.float64]:
    """Ends of the buckets that hold values >= 0, in their unit: first x (1.05^(i + 1) - 1) / 0.05; NaN stays.

    >>> bucket_ends(np.array([0.0, 1.5]), 1.0).tolist()
    [1.0, 2.05]
    """
    index = np.floor(np.log1p(values * (_GROWTH - 1.0) / first) / np.log(_GROWTH))
    return np.asarray(np.round(first * (_GROWTH ** (index + 1.0) - 1.0) / (_GROWTH - 1.0), 12))


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
        ends = np.stack([bucket_ends(cpu, _FIRST[0]), bucket_ends(memory, _FIRST[1])])
        requests = np.maximum((1 + self.margin_ratio) * ends, _LEAST[:, None])
        return Sizes(requests, requests[1])
