"""The oracle: greedy with full knowledge of the judged weeks, the bound that stands beside every figure.

A pod goes where the sum over resources and time of (load / limit)^8 grows least: a high power counts little but moments near and
above the limit, without a step that would hide how far above. (Powers 4 and 16 came within the noise of it, and so did every
fourth sample in place of the peak of four.) In order of arrival it is what an online policy with a perfect forecast could do;
sorted by size it is first-fit-decreasing of whole series, the better packer, and an upper bound of L2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.benchmark.placement.bounds import LIMIT_RATIOS

__all__ = ["OfflineOracle", "Oracle"]

#: Peaks of stretches of so long stand for all samples in them.
STRETCH_SECONDS = 1200.0


class Oracle:
    """Knows what will be used, places in order of arrival."""

    name = "oracle"

    def start(self, seen: Seen) -> None:
        """Reads the future."""
        limit = (seen.allocatable.min(axis=1) * LIMIT_RATIOS).astype(np.float32)
        self._series = seen.fleet.remembered((Oracle.name, *limit), lambda: _peaks(seen.fleet, limit))
        self._load = np.zeros((seen.nodes_count, self._series.shape[1]), dtype=np.float32)
        self._scratch = np.empty_like(self._load)
        self._cost = np.zeros(seen.nodes_count)
        self._after = self._cost

    def tick(self, seen: Seen) -> None:
        """Metrics tell it nothing new."""

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """Minus the growth of the node's cost."""
        self._after = self._costs(self._series[pod])
        return np.asarray(self._cost - self._after)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """The node's series grows."""
        self._load[node] += self._series[pod]
        self._cost[node] = self._after[node]

    def _costs(self, series: NDArray[np.float32]) -> NDArray[np.float64]:
        """shape (nodes,): sum of the 8th powers of each node's load with the series."""
        load = np.add(self._load, series, out=self._scratch)
        np.square(load, out=load)
        np.square(load, out=load)
        return np.asarray(np.vecdot(load, load), dtype=np.float64)


def _peaks(fleet: Fleet, limit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Peaks of stretches over the limits, CPU then memory: shape (pods, stretches of both)."""
    steps = max(round(STRETCH_SECONDS / fleet.step_seconds), 1)
    peaks = np.maximum.reduceat(fleet.judged, np.arange(0, fleet.judged.shape[2], steps), axis=2)
    return np.concatenate(peaks / limit[:, None, None], axis=1)


class OfflineOracle(Oracle):
    """Knows all pods too: places the greatest first. Only for requests that do not bind."""

    name = "oracle-offline"

    def start(self, seen: Seen) -> None:
        """Places everyone before the first pod arrives."""
        super().start(seen)
        self._plan = np.zeros(seen.fleet.pods_count, dtype=np.intp)
        size = np.einsum("pt,pt->p", self._series, self._series)
        for pod in np.argsort(-size, kind="stable"):
            after = self._costs(self._series[pod])
            node = int(np.argmin(after - self._cost))
            self._plan[pod] = node
            self._load[node] += self._series[pod]
            self._cost[node] = after[node]

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """The planned node."""
        scores = np.zeros(seen.nodes_count)
        scores[self._plan[pod]] = 1.0
        return scores

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """It was planned."""
