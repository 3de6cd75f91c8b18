"""Random: any node with room, any device with room, with equal chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["Random"]


class Random:
    """The floor of every comparison.

    Args:
        random: of this run.
    """

    epoch = 0
    remembers = False

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def arrive(self, cluster: GpuCluster, shape: int) -> None:
        """Nothing is learned."""

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """A new draw for every pod."""
        return self._random.random(rows.size)

    def device(self, cluster: GpuCluster, pod: PodShape, row: int) -> int:
        """Any device with room."""
        return int(self._random.choice(np.flatnonzero(cluster.gpu_free[row] >= pod.gpu_milli)))
