"""The arena: pods come one at a time, a policy says where each goes, none leaves, one that fits nowhere is skipped.

A placement changes one node. Fit and score of every other node stay what they were, so they are kept per shape of pod, and when a
pod comes only the nodes changed since the last pod of its shape are asked again: the same placements as asking all nodes every
time, at a hundredth of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["Arena", "FragmentationPolicy", "Placements"]


class FragmentationPolicy(Protocol):
    """Scores nodes for a pod and chooses the device of a share."""

    epoch: int
    """Raised by the policy when its scores changed for another reason than a node's change: then all nodes are asked again."""
    remembers: bool
    """Whether a node's score stays while the node and the epoch stay."""

    def arrive(self, cluster: GpuCluster, shape: int) -> None:
        """A pod came: said once per pod, before it is placed; also for pods that fit nowhere."""
        ...

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores of nodes the pod fits on, shape (rows,), higher is better; among equals the lowest row wins."""
        ...

    def device(self, cluster: GpuCluster, pod: PodShape, row: int) -> int:
        """The device for a pod that takes a share of one, on the chosen node."""
        ...


@dataclass(frozen=True)
class Placements:
    """What became of each pod, in order of arrival."""

    row: NDArray[np.int64]
    """Node of each pod, shape (pods,); -1: it fitted nowhere."""
    gpu_arrived_milli: NDArray[np.int64]
    """GPU each pod asks for, shape (pods,), thousandths of a device."""

    @property
    def gpu_allocated_milli(self) -> NDArray[np.int64]:
        """GPU each pod got, shape (pods,), thousandths of a device."""
        return np.where(self.row >= 0, self.gpu_arrived_milli, 0)


class Arena:
    """One cluster, filled by one policy.

    Args:
        cluster: changed by every pod; its order of nodes breaks ties: first wins.
        shapes: what pods may ask for.
        policy: decides.
    """

    def __init__(self, cluster: GpuCluster, shapes: Sequence[PodShape], policy: FragmentationPolicy) -> None:
        self.cluster = cluster
        self._shapes = shapes
        self._policy = policy
        self._scores = np.full((len(shapes), len(cluster.nodes)), -np.inf)  # -inf: no room, or not asked yet
        self._epoch_asked = np.full(len(shapes), -1, dtype=np.int64)
        self._asked_at = np.full(len(shapes), -1, dtype=np.int64)
        self._changed_at = np.zeros(len(cluster.nodes), dtype=np.int64)
        self._placed_count = 0

    def run(self, arrivals: NDArray[np.int64]) -> Placements:
        """Places pods in order, after those of earlier calls.

        Args:
            arrivals: shape (pods,), positions in the shapes.
        """
        rows = np.array([self._place(int(shape)) for shape in arrivals], dtype=np.int64)
        asked = np.array([shape.gpu_milli_total for shape in self._shapes], dtype=np.int64)
        return Placements(rows, asked[arrivals])

    def _place(self, shape: int) -> int:
        pod = self._shapes[shape]
        self._policy.arrive(self.cluster, shape)
        scores = self._current_scores(pod, shape)
        row = int(scores.argmax())
        if scores[row] == -np.inf:
            return -1
        self.cluster.place(pod, row, self._policy.device(self.cluster, pod, row) if pod.is_shared else None)
        self._placed_count += 1
        self._changed_at[row] = self._placed_count
        return row

    def _current_scores(self, pod: PodShape, shape: int) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = self._scores[shape]
        if self._asked_at[shape] < 0:
            rows = np.arange(scores.size)
        else:
            # No pod leaves: a node without room never has room again.
            stale = scores > -np.inf
            if self._policy.remembers and self._policy.epoch == self._epoch_asked[shape]:
                stale &= self._changed_at > self._asked_at[shape]
            rows = np.flatnonzero(stale)
        self._asked_at[shape] = self._placed_count
        self._epoch_asked[shape] = self._policy.epoch
        if rows.size:
            scores[rows] = -np.inf
            rows = rows[self.cluster.fits(pod, rows)]
        if rows.size:
            scores[rows] = self._policy.score(self.cluster, pod, rows)
        return scores
