"""What is left of every node by requests, in whole millicores and bytes, as Kubernetes counts.

Kept from bind to bind, because only one node changes: a decision is then a few operations on arrays, not a sum over pods. The whole
numbers are held as float64 (exact below 2^53), whose division is many times faster than that of integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.contender import REJECTED
from hydatis_simulator.arena.seen import NONZERO_REQUESTS, Seen
from hydatis_simulator.peers.peer import Peer

__all__ = ["UNITS", "RequestPeer"]

#: Whole units per core and per byte: millicores, bytes.
UNITS = np.array([[1000.0], [1.0]])
_NONZERO = np.array(NONZERO_REQUESTS)[:, None]

Amounts = NDArray[np.float64]
Scores = NDArray[np.float64]


class RequestPeer(Peer):
    """A peer that looks at requests alone.

    Args:
        overcommit: the nodes look so many times as large as they are: how operators let requests exceed a node where requests do
            not bind the packing. 1: as Kubernetes ships.
        nonzero: a pod counts for NONZERO_REQUESTS at least, as in LeastAllocated and MostAllocated.
        keeps_within: rejects nodes whose requests would exceed ``overcommit`` x allocatable. Peers that pack need it: without it,
            where the arena does not bind requests, one node would take every pod.
    """

    def __init__(self, *, overcommit: float = 1.0, nonzero: bool = False, keeps_within: bool = False) -> None:
        self._overcommit, self._nonzero, self._keeps_within = overcommit, nonzero, keeps_within

    def start(self, seen: Seen) -> None:
        """Every node is free."""
        requests = np.maximum(seen.fleet.requests, _NONZERO) if self._nonzero else seen.fleet.requests
        self.requests: Amounts = np.rint(requests * UNITS)
        """shape (2, pods), millicores and bytes."""
        self.capacity: Amounts = np.rint(seen.allocatable * UNITS * self._overcommit)
        """shape (2, nodes), allocatable x overcommit."""
        self.free: Amounts = self.capacity.copy()
        """shape (2, nodes), capacity less requests of bound pods; negative beyond it."""

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """The node has less left."""
        self.free[:, node] -= self.requests[:, pod]

    def left(self, pod: int) -> Amounts:
        """shape (2, nodes): what would be left after the pod; negative: it does not fit."""
        return np.asarray(self.free - self.requests[:, pod, None])

    def within(self, left: Amounts, scores: Scores) -> Scores:
        """The scores, REJECTED where the filter is on and nothing would be left."""
        return np.where((left[0] >= 0) & (left[1] >= 0), scores, REJECTED) if self._keeps_within else scores
