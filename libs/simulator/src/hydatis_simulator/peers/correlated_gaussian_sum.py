"""GPA with covariances: pods that peak together need more room than independent ones (arXiv 1709.01384, its general form).

    P = sum mu_i + z sqrt(sum var_i + 2 sum of cov_ij over pairs)

over a week of each pod's own past. Covariances are those of hourly means, which need no matrix of pairs: with S_h the sum of pods'
means in hour h, and w_i a pod's variance around its hourly means, the root is over var(S_h) + sum w_i.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.n_sigma import history_steps
from hydatis_simulator.peers.own_past import known_count
from hydatis_simulator.peers.predictor import WARM_COUNT, WEEK_SECONDS, PodSums

__all__ = ["CorrelatedGaussianSum"]

Matrix = NDArray[np.float64]


class CorrelatedGaussianSum(PodSums):
    """Mean and z deviations of the sum as it was, hour by hour.

    Args:
        z: >= 0.
    """

    name = "gpa-correlated"
    described_by = ()

    def __init__(self, z: float = 2.33) -> None:
        super().__init__(refresh_seconds=DAY_SECONDS)
        self._z = z

    def describe(self, seen: Seen) -> Matrix:
        """Mean of each hour, then the variance around them: shape (2, pods, hours + 1)."""
        past, limits = seen.past(history_steps(seen, WEEK_SECONDS / 3600.0)), seen.fleet.limits
        hour = max(round(3600.0 / seen.fleet.step_seconds), 1)
        hours = max(past.shape[2] // hour, 1)
        known = ~np.isnan(past)
        count = np.maximum(known_count(past), 1)
        mean = np.where(known, past, 0.0).sum(axis=2, dtype=np.float64) / count
        off = np.zeros((*past.shape[:2], hours * hour))  # an unknown sample is taken for the mean
        kept = min(past.shape[2], hours * hour)
        off[:, :, hours * hour - kept :] = np.where(known, past - mean[:, :, None], 0.0)[:, :, past.shape[2] - kept :]
        blocks = off.reshape(*past.shape[:2], hours, hour)
        means = blocks.mean(axis=3)
        around = ((blocks - means[:, :, :, None]) ** 2).mean(axis=(2, 3))
        warm = count >= WARM_COUNT
        hourly = np.where(warm[:, :, None], mean[:, :, None] + means, limits[:, :, None])
        return np.concatenate([hourly, np.where(warm, around, 0.0)[:, :, None]], axis=2)

    def start(self, seen: Seen) -> None:
        """Describes all pods; deviations from each one's own mean give the variance of any sum by one product a node."""
        super().start(seen)
        hours = self._pods[:, :, :-1]
        self._mean_of_pods = hours.mean(axis=2)
        self._off_of_pods = hours - self._mean_of_pods[:, :, None]
        self._mean_of_nodes = self._nodes[:-1].mean(axis=0)
        self._off_of_nodes = np.ascontiguousarray(np.moveaxis(self._nodes[:-1] - self._mean_of_nodes, 0, 2))
        self._squares_of_nodes = np.einsum("rnh,rnh->rn", self._off_of_nodes, self._off_of_nodes)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Its node's sums grow."""
        super().placed(seen, pod, node)
        self._mean_of_nodes[:, node] += self._mean_of_pods[:, pod]
        self._off_of_nodes[:, node] += self._off_of_pods[:, pod]
        self._squares_of_nodes[:, node] = (self._off_of_nodes[:, node] ** 2).sum(axis=1)

    def after(self, seen: Seen, pod: int) -> Matrix:
        """shape (2, nodes); the sum over hours of (a + b)^2 is that of a^2, b^2 and 2 a b."""
        off = self._off_of_pods[:, pod]
        squares = self._squares_of_nodes + (off**2).sum(axis=1)[:, None] + 2.0 * (self._off_of_nodes @ off[:, :, None])[:, :, 0]
        variance = np.maximum(squares, 0.0) / off.shape[1] + self._nodes[-1] + self._pods[:, pod, -1][:, None]
        return np.asarray(self._mean_of_nodes + self._mean_of_pods[:, pod][:, None] + self._z * np.sqrt(variance))

    def load(self, sums: Matrix) -> Matrix:
        """shape (2, nodes)."""
        use, around = sums[:-1], sums[-1]
        mean = use.mean(axis=0)
        use -= mean
        use *= use
        return np.asarray(mean + self._z * np.sqrt(use.mean(axis=0) + around))
