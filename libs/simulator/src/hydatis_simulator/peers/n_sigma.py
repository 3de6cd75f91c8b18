"""N-sigma of Borg's peak prediction (Bashir et al., EuroSys 2021; ``n_sigma_predictor.py`` of cluster-resource-forecast).

Over the last H samples h (2 hours) of a node's warm pods i, use u capped to limit l:

    rho_h = sum u_i[h] / sum l_i;  P = min(1, mean(rho) + N stdev(rho)) sum l_i + limits of cold pods      N = 5, stdev of n - 1

The paper has CPU alone; here memory is predicted alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import UNPLACED, Seen
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

    def start(self, seen: Seen) -> None:
        """Where every sample is known, nodes' sums of every step are kept as pods come, and nothing is summed anew."""
        steps = history_steps(seen, self._history_hours)
        self._first = seen.fleet.history_steps - steps
        past = seen.fleet.usage[:, :, max(self._first, 0) : seen.fleet.judged_from_step]
        self._kept = self._first >= 0 and not np.isnan(past).any()
        if not self._kept:
            super().start(seen)
            return
        self._capped = seen.fleet.remembered((self.name, steps), lambda: _capped(past, seen.fleet.limits))
        self._use = np.zeros((*self._capped.shape[1:], seen.nodes_count))
        self._limits = np.zeros((2, seen.nodes_count))
        for pod in np.flatnonzero(seen.node_of != UNPLACED):
            self.placed(seen, int(pod), int(seen.node_of[pod]))

    def tick(self, seen: Seen) -> None:
        """Describes pods anew unless sums are kept."""
        if not self._kept:
            super().start(seen)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Its node's sums grow."""
        if self._kept:
            self._use[:, :, node] += self._capped[pod]
            self._limits[:, node] += seen.fleet.limits[:, pod]
        else:
            super().placed(seen, pod, node)

    def after(self, seen: Seen, pod: int) -> Matrix:
        """shape (2, nodes)."""
        if not self._kept:
            return super().after(seen, pod)
        window = slice(seen.step - seen.fleet.history_steps, seen.step - self._first)
        limits = self._limits + seen.fleet.limits[:, pod][:, None]
        return self._peak(self._use[window] + self._capped[pod, window][:, :, None], limits, 0.0)

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
        return self._peak(sums[:-2], sums[-2], sums[-1])

    def _peak(self, use: Matrix, limits: Matrix, cold: Matrix | float) -> Matrix:
        """min(mean + N deviations of use, shape (H, 2, nodes), which is overwritten; limits) + cold."""
        mean = use.mean(axis=0)
        use -= mean
        use *= use
        peak = mean + self._sigmas * np.sqrt(use.sum(axis=0) / (len(use) - 1))
        return np.asarray(np.minimum(peak, limits) + cold)


def _capped(past: NDArray[np.float32], limits: Matrix) -> NDArray[np.float32]:
    """Use of each pod step by step, at most its limit: shape (pods, steps, 2)."""
    return np.ascontiguousarray(np.minimum(past, limits[:, :, None]).transpose(1, 2, 0), dtype=np.float32)
