"""Koordinator's LoadAwareScheduling (``pkg/scheduler/plugins/loadaware/load_aware.go``, ``estimator/default_estimator.go``).

With A = allocatable, u = use of the newest report, f = 0.85 CPU, 0.70 memory:

    est(pod) = min(limit, round(f x max(limit, request)))          250m, 200 MiB where neither is set
    E = u + sum of est over pods bound that the report does not hold yet + est(candidate)
    filter: rejects if round(100 E / A) > 65 CPU, 95 memory
    s_r = floor(100 (A - E) / A), 0 if E > A;  s = floor((s_cpu + s_memory) / 2)

A report older than 180 s is expired: score 0, and the filter rejects (``enableScheduleWhenNodeMetricsExpired`` false, the default).
A report here is a sample: reports may come more often than samples of the trace, but they would hold the same. The credit is the
real one's own strength: it ends exactly where the report begins to hold the pod.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.contender import REJECTED
from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.node_metrics import measured_age_seconds
from hydatis_simulator.peers.peer import Peer
from hydatis_simulator.peers.request_ledger import UNITS

__all__ = ["EXPIRY_SECONDS", "KoordinatorLoadAware", "estimated_use"]

EXPIRY_SECONDS = 180.0
_UNSET = np.array([[0.25], [200 * 2.0**20]])

Amounts = NDArray[np.float64]


def estimated_use(requests: Amounts, limits: Amounts, cpu_percent: float = 85.0, memory_percent: float = 70.0) -> Amounts:
    """est of pods, shape (2, pods), cores and bytes, whole millicores and bytes.

    Args:
        requests, limits: shape (2, pods), cores and bytes; 0: not set.
        cpu_percent, memory_percent: 100 f.
    """
    factor = np.array([[cpu_percent], [memory_percent]]) / 100.0
    largest = np.maximum(requests, limits)
    estimate = np.floor(largest * UNITS * factor + 0.5) / UNITS
    estimate = np.where(limits > 0, np.minimum(estimate, limits), estimate)
    return np.where(largest > 0, estimate, _UNSET)


class KoordinatorLoadAware(Peer):
    """The least used node by its report and estimates, of those below its thresholds."""

    name = "koordinator-load-aware"

    def __init__(
        self,
        *,
        cpu_threshold_percent: float = 65.0,
        memory_threshold_percent: float = 95.0,
        cpu_factor_percent: float = 85.0,
        memory_factor_percent: float = 70.0,
    ) -> None:
        self._thresholds = np.array([[cpu_threshold_percent], [memory_threshold_percent]])
        self._factors = (cpu_factor_percent, memory_factor_percent)

    def start(self, seen: Seen) -> None:
        """Estimates of all pods; none is bound."""
        self._estimates = estimated_use(seen.fleet.requests, seen.fleet.limits, *self._factors)
        self._expected = np.where(np.isnan(seen.latest), 0.0, seen.latest)

    def tick(self, seen: Seen) -> None:
        """Nodes report. A node that does not keeps its last report, and its pods bound since then their estimates."""
        sample = seen.latest
        reported = ~(np.isnan(sample[0]) | np.isnan(sample[1]))
        began = (seen.step - 1) * seen.fleet.step_seconds
        self._expected[:, reported] = sample[:, reported]
        bound = np.flatnonzero(seen.bound_seconds > began)
        bound = bound[reported[seen.node_of[bound]]]
        for resource in (0, 1):
            np.add.at(self._expected[resource], seen.node_of[bound], self._estimates[resource, bound])

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Estimated until a report holds it."""
        self._expected[:, node] += self._estimates[:, pod]

    def scores(self, seen: Seen, pod: int) -> Amounts:
        """shape (nodes,), 0..100 or REJECTED."""
        room = seen.allocatable
        expected = self._expected + self._estimates[:, pod, None]
        parts = np.floor(np.maximum(room - expected, 0.0) * 100.0 / room)
        score = np.floor((parts[0] + parts[1]) * 0.5)
        over = np.floor(100.0 * expected / room + 0.5) > self._thresholds
        expired = measured_age_seconds(seen) > EXPIRY_SECONDS
        return np.where(over[0] | over[1] | expired, REJECTED, score)
