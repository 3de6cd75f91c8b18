"""Overcommit predictors: what a node's pods will use, from what each of them used; and the two ways to place by them.

Published predictors say when a node is full, not which node to take. Each is therefore run in two forms: admission (the load with
the pod must stay within theta of the node) with best fit, and the lowest predicted load. All know the past of a workload before its
pod arrives, as ``Seen.past`` shows it to everyone, each pod's own row alone. A pod of which less than ``WARM_COUNT`` samples are
known is cold and counts with its limit (``simulator/predictor.py`` of googleinterns/cluster-resource-forecast).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from numpy.typing import NDArray

from hydatis_simulator.arena.contender import REJECTED
from hydatis_simulator.arena.seen import UNPLACED, Seen
from hydatis_simulator.peers.peer import Peer

__all__ = ["WARM_COUNT", "WEEK_SECONDS", "AdmissionBestFit", "LowestPredicted", "PodSums", "Predictor", "sum_by_node"]

#: Known samples from which on a pod is warm.
WARM_COUNT = 24
WEEK_SECONDS = 7 * DAY_SECONDS

Matrix = NDArray[np.float64]


def sum_by_node(values: Matrix, node_of: NDArray[np.int32], nodes_count: int) -> Matrix:
    """Sums of pods' figures by node.

    Args:
        values: shape (2, pods, figures).
        node_of: shape (pods,), UNPLACED counts nowhere.
        nodes_count: nodes.

    Returns:
        shape (figures, 2, nodes): what is reduced over figures comes first, so that it runs along nodes.
    """
    sums = np.zeros((2, nodes_count, values.shape[2]))
    placed = np.flatnonzero(node_of != UNPLACED)
    order = placed[np.argsort(node_of[placed], kind="stable")]
    nodes = node_of[order]
    if nodes.size:
        firsts = np.flatnonzero(np.diff(nodes, prepend=-1))
        sums[:, nodes[firsts]] = np.add.reduceat(values[:, order], firsts, axis=1)
    return np.ascontiguousarray(np.moveaxis(sums, 2, 0))


class Predictor(Peer, ABC):
    """Predicts the load of nodes."""

    @abstractmethod
    def after(self, seen: Seen, pod: int) -> Matrix:
        """Predicted load of every node with the pod, shape (2, nodes), cores and bytes."""


class PodSums(Predictor):
    """A predictor whose node figure comes from sums of pods' figures, so that a decision costs one addition a node.

    Args:
        refresh_seconds: how often pods' figures are computed anew; at new samples only.
    """

    described_by: tuple[float, ...] | None = None
    """Knobs that figures of pods depend on: they are computed once for all runs of a fleet. None: anew in every run."""

    def __init__(self, refresh_seconds: float) -> None:
        self._refresh_seconds = refresh_seconds

    @abstractmethod
    def describe(self, seen: Seen) -> Matrix:
        """Figures of every pod, from its own past: shape (2, pods, figures)."""

    @abstractmethod
    def load(self, sums: Matrix) -> Matrix:
        """Predicted load, shape (2, nodes), of the sums of figures over each node's pods.

        Args:
            sums: shape (figures, 2, nodes); may be overwritten.
        """

    def start(self, seen: Seen) -> None:
        """Describes all pods; none is bound."""
        self._described_seconds = seen.now_seconds
        self._pods = self._described(seen)
        self._nodes = sum_by_node(self._pods, seen.node_of, seen.nodes_count)

    def _described(self, seen: Seen) -> Matrix:
        if self.described_by is None:
            return self.describe(seen)
        return seen.fleet.remembered((self.name, *self.described_by, seen.step), lambda: self.describe(seen))

    def tick(self, seen: Seen) -> None:
        """Describes them anew when it is time."""
        if seen.now_seconds - self._described_seconds >= self._refresh_seconds:
            self.start(seen)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Its node's sums grow."""
        self._nodes[:, :, node] += self._pods[:, pod].T

    def after(self, seen: Seen, pod: int) -> Matrix:
        """shape (2, nodes)."""
        return self.load(self._nodes + self._pods[:, pod].T[:, :, None])


class _Form(Peer):
    """A way to place by a predictor."""

    def __init__(self, predictor: Predictor, form: str) -> None:
        self._predictor = predictor
        self.name = f"{predictor.name}-{form}"

    def start(self, seen: Seen) -> None:
        """The predictor begins."""
        self._predictor.start(seen)

    def tick(self, seen: Seen) -> None:
        """The predictor learns."""
        self._predictor.tick(seen)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """The predictor counts it."""
        self._predictor.placed(seen, pod, node)


class AdmissionBestFit(_Form):
    """Of the nodes whose predicted load with the pod is at most theta x allocatable in both resources, the fullest.

    s = (P_cpu / A_cpu + P_memory / A_memory) / 2. A pod that no node admits waits.

    Args:
        predictor: a fresh one.
        theta: > 0.
    """

    def __init__(self, predictor: Predictor, theta: float) -> None:
        super().__init__(predictor, "best-fit")
        self._theta = theta

    def scores(self, seen: Seen, pod: int) -> Matrix:
        """shape (nodes,), > 0 or REJECTED."""
        ratio = self._predictor.after(seen, pod) / seen.allocatable
        fits = (ratio[0] <= self._theta) & (ratio[1] <= self._theta)
        return np.where(fits, 0.5 * (ratio[0] + ratio[1]), REJECTED)


class LowestPredicted(_Form):
    """The node whose predicted load with the pod is lowest: s = -max(P_cpu / A_cpu, P_memory / A_memory)."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(predictor, "lowest")

    def scores(self, seen: Seen, pod: int) -> Matrix:
        """shape (nodes,), < 0."""
        ratio = self._predictor.after(seen, pod) / seen.allocatable
        return np.asarray(-np.maximum(ratio[0], ratio[1]))
