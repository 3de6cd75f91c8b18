"""Borg's max predictor (Bashir et al., EuroSys 2021; ``max_decorator.py``): P = max(N-sigma, RC-like), for each resource."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.n_sigma import NSigma
from hydatis_simulator.peers.percentile_sum import RcLike
from hydatis_simulator.peers.predictor import Predictor

__all__ = ["MaxPredictor"]


class MaxPredictor(Predictor):
    """The larger of two predictors.

    Args:
        sigmas: N of N-sigma.
        percent: p of RC-like.
        history_hours: of both.
    """

    name = "max-predictor"

    def __init__(self, sigmas: float = 5.0, percent: float = 99.0, history_hours: float = 2.0) -> None:
        self._parts = (NSigma(sigmas, history_hours), RcLike(percent, history_hours))

    def start(self, seen: Seen) -> None:
        """Both begin."""
        for part in self._parts:
            part.start(seen)

    def tick(self, seen: Seen) -> None:
        """Both learn."""
        for part in self._parts:
            part.tick(seen)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Both count it."""
        for part in self._parts:
            part.placed(seen, pod, node)

    def after(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """shape (2, nodes)."""
        first, second = (part.after(seen, pod) for part in self._parts)
        return np.maximum(first, second)
