"""LeastAllocated and MostAllocated of Kubernetes' NodeResourcesFit, v1.36 (``noderesources/{least,most}_allocated.go``).

Per resource, with A = allocatable and Q = requests on the node with the pod (at least 100m and 200 MiB a pod):

    LeastAllocated  s_r = 0 if Q > A, else floor(100 (A - Q) / A)
    MostAllocated   s_r = floor(100 min(Q, A) / A)
    both            s = floor((s_cpu + s_memory) / 2)

``hydatis_simulator.kube_scheduler`` computes the first on integers; floats that hold whole numbers take a quarter of the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.request_ledger import RequestPeer

__all__ = ["LeastAllocated", "MostAllocated", "least_allocated", "most_allocated"]

Amounts = NDArray[np.float64]
Scores = NDArray[np.float64]


def least_allocated(left: Amounts, capacity: Amounts) -> Scores:
    """LeastAllocated.

    Args:
        left: shape (2, nodes), whole units left after the pod; negative: beyond capacity.
        capacity: shape (2, nodes), > 0.

    Returns:
        shape (nodes,), 0..100 whole, higher is better.
    """
    parts = np.floor(np.maximum(left, 0.0) * 100.0 / capacity)
    return np.asarray(np.floor((parts[0] + parts[1]) * 0.5))


def most_allocated(left: Amounts, capacity: Amounts) -> Scores:
    """MostAllocated, arguments as of ``least_allocated``."""
    parts = np.floor(np.minimum(capacity - left, capacity) * 100.0 / capacity)
    return np.asarray(np.floor((parts[0] + parts[1]) * 0.5))


class LeastAllocated(RequestPeer):
    """The emptiest node by request. Beyond capacity, which only overcommitted clusters reach, all nodes are equal to it."""

    name = "least-allocated"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit, nonzero=True)

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 0..100."""
        return least_allocated(self.left(pod), self.capacity)


class MostAllocated(RequestPeer):
    """The fullest node by request that the pod fits on."""

    name = "most-allocated"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit, nonzero=True, keeps_within=True)

    def scores(self, seen: Seen, pod: int) -> Scores:
        """shape (nodes,), 0..100 or REJECTED."""
        left = self.left(pod)
        return self.within(left, most_allocated(left, self.capacity))
