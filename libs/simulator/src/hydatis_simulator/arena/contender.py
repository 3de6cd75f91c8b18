"""A contender: one policy in the arena, ours or a peer."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen

__all__ = ["REJECTED", "Contender"]

#: The score of a node that a policy's own filter rejects.
REJECTED = -np.inf


class Contender(Protocol):
    """Scores nodes for one pod after the other.

    A contender is used for one run: it may keep what it adds up.
    """

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def start(self, seen: Seen) -> None:
        """A run begins: no pod is bound yet."""
        ...

    def tick(self, seen: Seen) -> None:
        """New samples are visible."""
        ...

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """The score of every node for a pod.

        Returns:
            shape (nodes,), higher is better, REJECTED: its own filter rejects the node. Equal scores are drawn from by the arena.
        """
        ...

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """A pod was bound; ``seen`` counts it already."""
        ...
