"""GPA: the sum of many pods' use is nearly Gaussian (Janus and Rzadca, "Slo-aware colocation", SoCC 2017, arXiv 1709.01384).

    P = sum mu_i + z sqrt(sum var_i)            mean and variance over a week of each pod's own past

Pods are taken as independent; ``correlated_gaussian_sum`` does not. z is the standard normal quantile of the wanted chance to stay
within capacity: 2.33 for 99 %. Cold pods count with their limit and no variance.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.n_sigma import history_steps
from hydatis_simulator.peers.own_past import known_count
from hydatis_simulator.peers.predictor import WARM_COUNT, WEEK_SECONDS, PodSums

__all__ = ["GaussianSum"]

Matrix = NDArray[np.float64]


class GaussianSum(PodSums):
    """Mean and z deviations of independent pods.

    Args:
        z: >= 0.
    """

    name = "gpa"
    described_by = ()

    def __init__(self, z: float = 2.33) -> None:
        super().__init__(refresh_seconds=DAY_SECONDS)
        self._z = z

    def describe(self, seen: Seen) -> Matrix:
        """Mean and variance: shape (2, pods, 2)."""
        past = seen.past(history_steps(seen, WEEK_SECONDS / 3600.0))
        known = ~np.isnan(past)
        count = np.maximum(known_count(past), 1)
        mean = np.where(known, past, 0.0).sum(axis=2, dtype=np.float64) / count
        off = np.where(known, past - mean.astype(np.float32)[:, :, None], 0.0)
        variance = np.einsum("rps,rps->rp", off, off, dtype=np.float64) / count
        warm = count >= WARM_COUNT
        return np.stack([np.where(warm, mean, seen.fleet.limits), np.where(warm, variance, 0.0)], axis=2)

    def load(self, sums: Matrix) -> Matrix:
        """shape (2, nodes)."""
        return np.asarray(sums[0] + self._z * np.sqrt(sums[1]))
