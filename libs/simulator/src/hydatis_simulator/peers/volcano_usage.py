"""Volcano's usage plugin (``pkg/scheduler/plugins/usage/usage.go``, ``metrics/source/metrics_client_prometheus.go``).

With cpu, memory = mean use over 10 minutes in percent, weights 1, thresholds 80:

    filter: rejects if cpu > 80 or memory > 80 (``enablePredicate`` may switch it off)
    s = 100 x 5 x ((100 - cpu) / 100 + (100 - memory) / 100) / 2

Defects of the real one, kept: no estimate of the candidate nor of pods bound since, so that all pods of an interval go to one node
(issue 5313); what Prometheus does not answer is 0 % with a fresh date, so that unmeasured nodes look empty (issue 5578), and the
rule for figures older than 5 minutes (score 0, filter passes) never acts with this source.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.contender import REJECTED
from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.node_metrics import known_mean
from hydatis_simulator.peers.peer import Peer

__all__ = ["VolcanoUsage"]

_WINDOW_SECONDS = 600.0
_USAGE_WEIGHT = 5


class VolcanoUsage(Peer):
    """The least used node."""

    name = "volcano-usage"

    def __init__(self, *, cpu_threshold_percent: float = 80.0, memory_threshold_percent: float = 80.0) -> None:
        self._thresholds = np.array([[cpu_threshold_percent], [memory_threshold_percent]])

    def start(self, seen: Seen) -> None:
        """Metrics as they are."""
        self.tick(seen)

    def tick(self, seen: Seen) -> None:
        """Scores until the next sample do not depend on the pod."""
        steps = max(round(_WINDOW_SECONDS / seen.fleet.step_seconds), 1)
        down = np.isnan(seen.latest).all()
        use = np.zeros_like(seen.allocatable) if down else np.nan_to_num(known_mean(seen.samples[-steps:]))
        percent = 100.0 * use / seen.allocatable
        score = 100.0 * _USAGE_WEIGHT * ((100.0 - percent) / 100.0).sum(axis=0) / 2.0
        self._scores = np.where((percent > self._thresholds).any(axis=0), REJECTED, score)

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """shape (nodes,), at most 500, or REJECTED."""
        return self._scores
