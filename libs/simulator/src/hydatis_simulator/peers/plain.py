"""Random and round robin: the floor that every policy has to clear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.peer import Peer

__all__ = ["RandomNode", "RoundRobin"]


class RandomNode(Peer):
    """s = 0 everywhere: the arena draws among equals, so any node the pod fits on is as likely."""

    name = "random"

    def start(self, seen: Seen) -> None:
        """Nothing tells nodes apart."""
        self._zeros = np.zeros(seen.nodes_count)

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """shape (nodes,): zeros."""
        return self._zeros


class RoundRobin(Peer):
    """The next node in order after the last one taken: s_n = -((n - next) mod N)."""

    name = "round-robin"

    def start(self, seen: Seen) -> None:
        """Begins with the first node."""
        self._order = np.arange(seen.nodes_count)
        self._next = 0

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """shape (nodes,): -(N - 1)..0."""
        return np.asarray(-((self._order - self._next) % seen.nodes_count), dtype=np.float64)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """The turn passes on."""
        self._next = node + 1
