"""BalancedAllocation of Kubernetes (``noderesources/balanced_allocation.go``), as it is and as it was, and profiles with it.

With f_r = min(1, Q_r / A_r) of real requests and E = 100 (1 - |f_cpu - f_memory| / 2), cut to a whole number:

    v1.36 (since pull request 135573)   s = 50 + floor((50 + E with the pod - E without it) / 2), 75 = no change
    before                              s = E with the pod

The stock profile's scores that look at resources are LeastAllocated + BalancedAllocation, weight 1 each (``default_plugins.go``);
MostAllocated + BalancedAllocation is what clusters run that are told to pack.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.least_allocated import LeastAllocated, MostAllocated
from hydatis_simulator.peers.request_ledger import RequestPeer

__all__ = ["BalancedAllocation", "BalancedAllocationOld", "PackingProfile", "StockProfile", "evenness"]

Amounts = NDArray[np.float64]
Scores = NDArray[np.float64]


def evenness(left: Amounts, capacity: Amounts) -> Scores:
    """E of nodes, shape (nodes,), 50..100 whole.

    Args:
        left: shape (2, nodes), whole units left; negative: beyond capacity.
        capacity: shape (2, nodes), > 0.
    """
    share = np.minimum(1.0, (capacity - left) / capacity)
    return np.asarray(np.floor((1 - np.abs(share[0] - share[1]) / 2) * 100))


class BalancedAllocation(RequestPeer):
    """Balanced, v1.36: the node that the pod makes more even than it was."""

    name = "balanced-allocation"

    def __init__(self, *, overcommit: float = 1.0, keeps_within: bool = True) -> None:
        super().__init__(overcommit=overcommit, keeps_within=keeps_within)

    def start(self, seen: Seen) -> None:
        """Every node is even."""
        super().start(seen)
        self._before = evenness(self.free, self.capacity)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """One node changes."""
        super().placed(seen, pod, node)
        self._before[node] = evenness(self.free[:, node : node + 1], self.capacity[:, node : node + 1])[0]

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 50..100 or REJECTED."""
        left = self.left(pod)
        change = evenness(left, self.capacity) - self._before
        return self.within(left, 50.0 + np.floor((50.0 + change) * 0.5))


class BalancedAllocationOld(RequestPeer):
    """Balanced before pull request 135573: the most even node, however much of that is the pod's doing."""

    name = "balanced-allocation-old"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit, keeps_within=True)

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 50..100 or REJECTED."""
        left = self.left(pod)
        return self.within(left, evenness(left, self.capacity))


class StockProfile(LeastAllocated):
    """LeastAllocated + BalancedAllocation: the default kube-scheduler, as far as resources decide."""

    name = "stock-profile"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit)
        self._balanced = BalancedAllocation(overcommit=overcommit, keeps_within=False)

    def start(self, seen: Seen) -> None:
        """Both begin."""
        super().start(seen)
        self._balanced.start(seen)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Both count it."""
        super().placed(seen, pod, node)
        self._balanced.placed(seen, pod, node)

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 50..200."""
        return super().scores(seen, pod) + self._balanced.scores(seen, pod)


class PackingProfile(MostAllocated):
    """MostAllocated + BalancedAllocation."""

    name = "packing-profile"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit)
        self._balanced = BalancedAllocation(overcommit=overcommit, keeps_within=False)

    def start(self, seen: Seen) -> None:
        """Both begin."""
        super().start(seen)
        self._balanced.start(seen)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Both count it."""
        super().placed(seen, pod, node)
        self._balanced.placed(seen, pod, node)

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 50..200 or REJECTED."""
        return super().scores(seen, pod) + self._balanced.scores(seen, pod)
