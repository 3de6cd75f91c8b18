"""Trimaran's LowRiskOverCommitment (``pkg/trimaran/lowriskovercommitment/{lowriskovercommitment,beta}.go``).

Per resource, sums over the pods of a node, A = allocatable, W = smoothing window (5), w = weight of the limit risk (0.5):

    Req = min(A, sum of requests), Lim = sum of limits with the candidate; Req-, Lim- without it
    riskLimit = (Lim - A) / (Lim - Req) if Lim > A, else 0
    mu = avg, sg = min(std sqrt(W), sqrt(0.99 mu (1 - mu)))                  shares of A
    F = cdf of Beta(mu k, (1 - mu) k), k = mu (1 - mu) / sg^2 - 1
    P = F(Req- / A);  1 if mu = 0, or sg = 0 and mu <= Req- / A;  0 if sg = 0 and mu above it
    if Lim- < A:  P = 1 if Lim- = 0, else clip01(P / F(Lim- / A))
    risk = clip01(w riskLimit + (1 - w) (1 - P));  s = round(100 (1 - max(risk_cpu, risk_memory)))

Defects of the real one, kept: the measured part knows nothing of the candidate or of pods bound since; the last snapshot serves for
ever when the watcher is down; a node without metrics scores 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.node_metrics import NodeMetrics
from hydatis_simulator.peers.peer import Peer

__all__ = ["LowRiskOverCommitment", "limit_risk", "load_risk"]

_VARIANCE_ALLOWANCE = 0.99
_ROUNDING = 1e-9

Amounts = NDArray[np.float64]
Ratios = NDArray[np.float64]


def limit_risk(requested: Amounts, limited: Amounts, allocatable: Amounts) -> Ratios:
    """riskLimit, 0..1: how much of what limits allow beyond requests is beyond the node.

    Args:
        requested, limited: sums on the node with the candidate, same shape and units as ``allocatable``.
    """
    beyond = limited - allocatable
    room = np.maximum(limited - np.minimum(requested, allocatable), _ROUNDING)
    return np.asarray(np.where(beyond > 0, beyond / room, 0.0))


def load_risk(mean: Ratios, deviation: Ratios, requested: Ratios, limited: Ratios, window: float = 5.0) -> Ratios:
    """riskLoad, 0..1: the chance that use exceeds requests, given that it stays within limits; NaN where there are no metrics.

    Args:
        mean, deviation: of use, shares of allocatable, any shape.
        requested, limited: sums on the node without the candidate, shares of allocatable.
        window: W.
    """
    from scipy.special import betainc  # only this peer needs it

    room = mean * (1.0 - mean)
    spread = np.minimum(deviation * np.sqrt(window), np.sqrt(np.maximum(_VARIANCE_ALLOWANCE * room, 0.0)))
    fits = (spread > 0) & (room > 0)
    k = np.where(fits, room / np.where(fits, spread, 1.0) ** 2 - 1.0, 1.0)
    first, second = np.where(fits, mean * k, 1.0), np.where(fits, (1.0 - mean) * k, 1.0)
    below_requests = np.minimum(requested, 1.0)
    within = betainc(first, second, below_requests)
    within = np.where(fits, within, (mean <= below_requests).astype(np.float64))
    conditional = betainc(first, second, np.clip(limited, 0.0, 1.0))
    narrower = fits & (limited < 1.0) & (conditional > 0)
    within = np.where(narrower, np.minimum(within / np.where(narrower, conditional, 1.0), 1.0), within)
    within = np.where((limited <= _ROUNDING), 1.0, within)
    return np.where(np.isnan(mean), np.nan, 1.0 - within)


class LowRiskOverCommitment(Peer):
    """The node whose limits and measured use exceed it least likely."""

    name = "trimaran-low-risk-overcommitment"

    def __init__(self, *, window: float = 5.0, limit_weight: float = 0.5) -> None:
        self._window, self._limit_weight = window, limit_weight

    def start(self, seen: Seen) -> None:
        """Metrics as they are."""
        self._metrics = NodeMetrics(seen)
        self._load = self._load_risk(seen, slice(None))

    def tick(self, seen: Seen) -> None:
        """Metrics move on."""
        self._metrics.refresh(seen)
        self._load = self._load_risk(seen, slice(None))

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """The measured part of one node is computed anew: it does not depend on the candidate."""
        self._load[:, node : node + 1] = self._load_risk(seen, slice(node, node + 1))

    def scores(self, seen: Seen, pod: int) -> Ratios:
        """shape (nodes,), 0..100."""
        fleet = seen.fleet
        limit = limit_risk(
            seen.requested + fleet.requests[:, pod, None], seen.limited + fleet.limits[:, pod, None], seen.allocatable
        )
        risk = np.clip(self._limit_weight * limit + (1.0 - self._limit_weight) * self._load, 0.0, 1.0)
        score = np.floor(100.0 * (1.0 - np.maximum(risk[0], risk[1])) + 0.5)
        return np.where(np.isnan(score), 0.0, score)

    def _load_risk(self, seen: Seen, nodes: slice) -> Ratios:
        room = seen.allocatable[:, nodes]
        mean, deviation = self._metrics.mean[:, nodes], self._metrics.deviation[:, nodes]
        return load_risk(mean, deviation, seen.requested[:, nodes] / room, seen.limited[:, nodes] / room, self._window)
