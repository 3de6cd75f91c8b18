"""Trimaran's LoadVariationRiskBalancing (``.../loadvariationriskbalancing/analysis.go``, ``pkg/trimaran/resourcestats.go``).

Per resource, with avg and std of use over the metric window, q = the candidate's request, A = allocatable:

    mu = clip01((avg A + q) / A),  sg = clip01(std)                       shares of A
    risk = (mu + clip01(margin x sg^(1 / sensitivity))) / 2              margin 1, sensitivity 1
    s_r = 100 (1 - risk);  s = round(min(s_cpu, s_memory)), the larger where one is missing (missing = 0)

Defects of the real one, kept: no credit at all for pods bound since the window ended, so all pods of one interval may go to one
node; the last snapshot serves for ever when the watcher is down; a node without metrics scores 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.node_metrics import NodeMetrics
from hydatis_simulator.peers.peer import Peer

__all__ = ["LoadVariationRiskBalancing", "risk_score"]

Ratios = NDArray[np.float64]


def risk_score(mean: Ratios, deviation: Ratios, request: Ratios, margin: float = 1.0, sensitivity: float = 1.0) -> Ratios:
    """s_r, 0..100, not rounded.

    Args:
        mean, deviation: of use, as shares of allocatable; NaN: no metrics.
        request: the pod's, as a share of allocatable.
        margin: multiplies the deviation, >= 0.
        sensitivity: > 0; below 1 makes small deviations matter less.
    """
    load = np.clip(mean + request, 0.0, 1.0)
    spread = np.clip(margin * np.clip(deviation, 0.0, 1.0) ** (1.0 / sensitivity), 0.0, 1.0)
    return np.asarray(100.0 * (1.0 - (load + spread) / 2.0))


class LoadVariationRiskBalancing(Peer):
    """The node with the least mean and variation of its worse resource."""

    name = "trimaran-load-variation-risk-balancing"

    def __init__(self, *, margin: float = 1.0, sensitivity: float = 1.0) -> None:
        self._margin, self._sensitivity = margin, sensitivity

    def start(self, seen: Seen) -> None:
        """Metrics as they are."""
        self._metrics = NodeMetrics(seen)

    def tick(self, seen: Seen) -> None:
        """Metrics move on."""
        self._metrics.refresh(seen)

    def scores(self, seen: Seen, pod: int) -> Ratios:
        """shape (nodes,), 0..100."""
        request = seen.fleet.requests[:, pod, None] / seen.allocatable
        parts = risk_score(self._metrics.mean, self._metrics.deviation, request, self._margin, self._sensitivity)
        known = ~np.isnan(parts)
        parts = np.where(known, parts, 0.0)
        both = known[0] & known[1]
        return np.asarray(np.floor(np.where(both, np.minimum(parts[0], parts[1]), np.maximum(parts[0], parts[1])) + 0.5))
