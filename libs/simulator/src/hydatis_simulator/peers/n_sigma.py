"""N-sigma of Borg's peak prediction (Bashir et al., EuroSys 2021; ``n_sigma_predictor.py`` of cluster-resource-forecast).

Over the last H samples h (2 hours) of a node's warm pods i, use u capped to limit l:

    rho_h = sum u_i[h] / sum l_i;  P = min(1, mean(rho) + N stdev(rho)) sum l_i + limits of cold pods      N = 5, stdev of n - 1

The paper has CPU alone; here memory is predicted alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.own_past import known_count
from hydatis_simulator.peers.predictor import WARM_COUNT, PodSums

__all__ = ["NSigma", "history_steps"]

Matrix = NDArray[np.float64]


def history_steps(seen: Seen, hours: float) -> int:
    """How many samples of the trace a history of so many hours has, at least 2."""
    return max(round(hours * 3600.0 / seen.fleet.step_seconds), 2)


class NSigma(PodSums):
    """Mean and N deviations of the summed use of a node's pods.

    Args:
        sigmas: N, >= 0.
        history_hours: H x the step of samples.
    """

    name = "n-sigma"

    def __init__(self, sigmas: float = 5.0, history_hours: float = 2.0) -> None:
        super().__init__(refresh_seconds=0.0)
        self._sigmas, self._history_hours = sigmas, history_hours

    def describe(self, seen: Seen) -> Matrix:
        """Capped use of each of H samples, the limit of a warm pod, the limit of a cold one: shape (2, pods, H + 2)."""
        steps = history_steps(seen, self._history_hours)
        past, limits = seen.past(steps), seen.fleet.limits
        known = known_count(past)
        warm = known >= max(min(WARM_COUNT, steps), 2)
        use = np.minimum(past, limits[:, :, None])
        if not warm.all() or known.min() < past.shape[2]:
            use = np.where(warm[:, :, None] & ~np.isnan(use), use, 0.0)
        figures = np.zeros((2, past.shape[1], steps + 2))
        figures[:, :, steps - past.shape[2] : steps] = use
        figures[:, :, -2], figures[:, :, -1] = np.where(warm, limits, 0.0), np.where(warm, 0.0, limits)
        return figures

    def load(self, sums: Matrix) -> Matrix:
        """shape (2, nodes)."""
        use = sums[:-2]
        mean = use.mean(axis=0)
        use -= mean
        use *= use
        peak = mean + self._sigmas * np.sqrt(use.sum(axis=0) / (len(use) - 1))
        return np.asarray(np.minimum(peak, sums[-2]) + sums[-1])
