"""BestFit and DotProd as FGD's simulator has them (``pkg/simulator/plugin`` of hkust-adsl/kubernetes-scheduler-simulator).

With free = allocatable - requests before the pod, req = the pod's requests, and the largest node as the measure of each resource:

    BestFit  s = 100 (1 - sum over CPU and memory of 0.5 (free_r - req_r) / max over nodes of A_r)
    DotProd  s = 100 (1 - sum over CPU and memory of (free_r / A_r) (req_r / A_r) / 2)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.request_ledger import RequestPeer

__all__ = ["BestFit", "DotProduct"]

Scores = NDArray[np.float64]


class BestFit(RequestPeer):
    """The node that has least left after the pod, by requests."""

    name = "best-fit"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit, keeps_within=True)

    def start(self, seen: Seen) -> None:
        """The measure is the largest node."""
        super().start(seen)
        self._largest = self.capacity.max(axis=1)[:, None]

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 0..100 or REJECTED."""
        left = self.left(pod)
        share = left / self._largest
        return self.within(left, 100.0 * (1.0 - 0.5 * (share[0] + share[1])))


class DotProduct(RequestPeer):
    """The node whose free resources point least along the request: normalised by each node."""

    name = "dot-product"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit, keeps_within=True)

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 0..100 or REJECTED."""
        product = (self.free / self.capacity) * (self.requests[:, pod, None] / self.capacity)
        return self.within(self.left(pod), 100.0 * (1.0 - 0.5 * (product[0] + product[1])))
