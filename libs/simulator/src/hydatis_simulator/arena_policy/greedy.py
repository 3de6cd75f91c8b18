"""hydatis-greedy: the node whose bound on overload is lowest once the pod is on it. The forecast of HYDATIS without learning."""

from __future__ import annotations

import numpy as np
from hydatis_placement.overload_bound import log_overload_bound
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.arena_policy.load_ledger import LoadLedger

__all__ = ["HydatisGreedy"]


class HydatisGreedy:
    """Score = -ln bound of the node after the placement.

    Args:
        jumps: hedge against jumps; False: the ablation without.
        credits: count a pod when it is bound; False: the ablation without credits, which counts it at the next sample.
    """

    def __init__(self, *, jumps: bool = True, credits: bool = True) -> None:
        self._credits = credits
        self._uncounted: list[tuple[int, int]] = []
        self._jumps = jumps
        self._ledger: LoadLedger | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return "hydatis-greedy"

    def start(self, seen: Seen) -> None:
        """No pod is bound."""
        self._ledger = LoadLedger(seen, jumps=self._jumps)
        self._uncounted.clear()

    def tick(self, seen: Seen) -> None:
        """Measurements are not needed: what was bound is known at once, unless credits are off."""
        for pod, node in self._uncounted:
            self._started.place(seen, pod, node)
        self._uncounted.clear()

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """shape (nodes,)."""
        ledger = self._started
        return -log_overload_bound(ledger.nodes.after(ledger.of_pod(seen, pod)))

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Counts the pod."""
        if self._credits:
            self._started.place(seen, pod, node)
        else:
            self._uncounted.append((pod, node))

    @property
    def _started(self) -> LoadLedger:
        assert self._ledger is not None, "the arena starts a contender before it asks"
        return self._ledger
