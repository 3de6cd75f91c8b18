"""Trimaran's TargetLoadPacking (``pkg/trimaran/targetloadpacking/targetloadpacking.go``, ``apis/config/v1/defaults.go``).

CPU alone. X = target in percent (40), m = request multiplier (1.5), A = allocatable, u = mean CPU over the metric window:

    pred(pod) = limit, or m x request where no limit is set
    U = 100 (u + pred(candidate) + sum of pred over pods bound less than 60 s before the window's end, or after it) / A
    s = round((100 - X) U / X + X)          U <= X
        round(X (100 - U) / (100 - X))      X < U <= 100
        0                                   U > 100, or no metrics

Defects of the real one, kept: the score drops from 100 to about X at the target, so nodes just above it look as bad as full ones;
the credit ends 60 s into a window of 15 minutes, of which a new pod then fills a part only; when the watcher is down the last
snapshot serves for ever; a node without metrics scores 0. In the fleets here every pod has limits, so m is used by none of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import CPU
from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.node_metrics import NodeMetrics
from hydatis_simulator.peers.peer import Peer

__all__ = ["CREDIT_SECONDS", "TargetLoadPacking", "target_load_score"]

#: How long before the window's end a pod must have been bound to be no longer credited (``metricsAgentReportingIntervalSeconds``).
CREDIT_SECONDS = 60.0

Scores = NDArray[np.float64]


def target_load_score(use_percent: Scores, target_percent: float) -> Scores:
    """The score of predicted CPU use.

    Args:
        use_percent: any shape, U, >= 0; NaN: no metrics.
        target_percent: X, between 0 and 100.

    Returns:
        0..100 whole, higher is better.
    """
    below = (100.0 - target_percent) * use_percent / target_percent + target_percent
    above = target_percent * (100.0 - use_percent) / (100.0 - target_percent)
    score = np.floor(np.where(use_percent <= target_percent, below, above) + 0.5)
    return np.where(use_percent <= 100.0, score, 0.0)  # NaN compares false


class TargetLoadPacking(Peer):
    """Packs nodes up to a target of CPU use, spreads above it."""

    name = "trimaran-target-load-packing"

    def __init__(self, *, target_percent: float = 40.0) -> None:
        self._target_percent = target_percent

    def start(self, seen: Seen) -> None:
        """No pod is credited."""
        self._metrics = NodeMetrics(seen)
        self._credit: Scores = np.zeros(seen.nodes_count)

    def tick(self, seen: Seen) -> None:
        """Metrics move on; pods they cover by 60 s lose their credit."""
        self._metrics.refresh(seen)
        recent = np.flatnonzero(seen.bound_seconds > self._metrics.window_end_seconds - CREDIT_SECONDS)
        predicted = seen.fleet.limits[CPU, recent]
        credit = np.bincount(seen.node_of[recent], weights=predicted, minlength=seen.nodes_count)
        self._credit = credit.astype(np.float64)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Credited until metrics cover it."""
        self._credit[node] += seen.fleet.limits[CPU, pod]

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 0..100."""
        expected = (self._credit + seen.fleet.limits[CPU, pod]) / seen.allocatable[CPU]
        return target_load_score(100.0 * (self._metrics.mean[CPU] + expected), self._target_percent)
