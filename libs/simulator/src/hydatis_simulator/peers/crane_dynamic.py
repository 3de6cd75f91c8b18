"""crane-scheduler's Dynamic (``pkg/plugins/dynamic/stats.go``, ``deploy/manifests/dynamic/policy.yaml``).

A controller writes three figures of CPU and memory each as annotations of a node, as shares u of allocatable:

    avg_5m (every 3 min), max_avg_1h (every 15 min), max_avg_1d (every 3 h); valid for that period + 5 min

    filter: rejects if a valid avg_5m > 0.65 or max_avg_1h > 0.75
    s = clip(int(sum w_k 100 (1 - u_k) / sum w_k) - int(10 hot), 0, 100)        w = 0.2, 0.3, 0.5 for each resource
    hot = floor(bound in 5 min / 5) + floor(bound in 1 min / 2)

Defects of the real one, kept: stale figures let a node through the filter, yet add 0 to the sum while their weight still counts; a
day's maximum is up to 3 h old, and knows nothing of what came since; hot counts pods, not sizes.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.contender import REJECTED
from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.node_metrics import known_mean
from hydatis_simulator.peers.peer import Peer

__all__ = ["CraneDynamic", "dynamic_score"]

#: What figure k is: how far it looks back, how often it is written, its weight.
_SPAN_SECONDS = (300.0, 3600.0, 86400.0)
_PERIOD_SECONDS = (180.0, 900.0, 10800.0)
_WEIGHTS = np.array([0.2, 0.3, 0.5])[:, None, None]
_GRACE_SECONDS = 300.0
_ROUNDING = 1e-9
#: Hot value: bindings within so many seconds count one for each so many.
_HOT = ((300.0, 5), (60.0, 2))

Ratios = NDArray[np.float64]


def dynamic_score(use: Ratios, valid: NDArray[np.bool_], hot: NDArray[np.int64]) -> Ratios:
    """The score of nodes, shape (nodes,), 0..100 whole.

    Args:
        use: shape (3 figures, 2, nodes), shares of allocatable.
        valid: same shape; a figure that is not adds nothing.
        hot: shape (nodes,), hot value.
    """
    total = np.where(valid, _WEIGHTS * 100.0 * (1.0 - use), 0.0).sum(axis=(0, 1)) / (2.0 * _WEIGHTS.sum())
    return np.asarray(np.clip(np.trunc(total + _ROUNDING) - 10 * hot, 0.0, 100.0))


class CraneDynamic(Peer):
    """The least used node by mean, hour and day."""

    name = "crane-dynamic"

    def __init__(self, *, mean_limit: float = 0.65, hour_limit: float = 0.75) -> None:
        self._limits = np.array([mean_limit, hour_limit])[:, None, None]

    def start(self, seen: Seen) -> None:
        """All annotations are written once."""
        shape = (len(_SPAN_SECONDS), *seen.allocatable.shape)
        self._use = np.zeros(shape)
        self._written_seconds = np.full(shape, -np.inf)
        self._due_seconds = np.full(len(_SPAN_SECONDS), -np.inf)
        self._bound: deque[tuple[float, int]] = deque()
        self.tick(seen)

    def tick(self, seen: Seen) -> None:
        """Figures that are due are written, where there is a sample to write."""
        step_seconds = seen.fleet.step_seconds
        known = ~np.isnan(seen.latest)
        for k, (span, period) in enumerate(zip(_SPAN_SECONDS, _PERIOD_SECONDS, strict=True)):
            if seen.now_seconds < self._due_seconds[k]:
                continue
            self._due_seconds[k] = seen.now_seconds + period
            steps = max(round(span / step_seconds), 1)
            samples = seen.samples[-steps:]
            figure = np.fmax.reduce(samples, axis=0) if k else known_mean(samples)
            self._use[k] = np.where(known, figure / seen.allocatable, self._use[k])
            self._written_seconds[k] = np.where(known, seen.now_seconds, self._written_seconds[k])
        self._read(seen)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Makes the node hot."""
        self._bound.append((seen.now_seconds, node))

    def scores(self, seen: Seen, pod: int) -> Ratios:
        """shape (nodes,), 0..100 or REJECTED."""
        while self._bound and self._bound[0][0] <= seen.now_seconds - _HOT[0][0]:
            self._bound.popleft()
        hot = np.zeros(seen.nodes_count, dtype=np.int64)
        for seconds, count in _HOT:
            recent = [node for when, node in self._bound if when > seen.now_seconds - seconds]
            if recent:
                hot += np.bincount(recent, minlength=seen.nodes_count) // count
        return np.where(self._over, REJECTED, np.clip(self._base - 10 * hot, 0.0, 100.0))

    def _read(self, seen: Seen) -> None:
        """What the scheduler reads of the annotations until the next sample."""
        periods = np.maximum(np.array(_PERIOD_SECONDS), seen.fleet.step_seconds)[:, None, None]
        valid = seen.now_seconds - self._written_seconds <= periods + _GRACE_SECONDS
        self._base = dynamic_score(self._use, valid, np.zeros(seen.nodes_count, dtype=np.int64))
        self._over = (valid[:2] & (self._use[:2] > self._limits)).any(axis=(0, 1))
