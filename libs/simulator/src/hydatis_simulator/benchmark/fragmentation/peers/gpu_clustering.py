"""GpuClustering: pods of one kind together; kinds are shares of a device and pods of 1, 2, 4 or 8 whole devices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster, kind_bit
from hydatis_simulator.benchmark.fragmentation.scores import LARGEST_GPU_MILLI, BestFitDevice
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["GpuClustering"]


class GpuClustering(BestFitDevice):
    """floor(25 (1 - free_gpu)) + 75 on a node of this kind alone, + 50 of this kind among others, + 25 without GPU pods, else + 0.

    free_gpu is a share of the largest node's. A pod without GPU scores every node 0.
    """

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """0..100, whole."""
        if not pod.gpu_count:
            return np.zeros(rows.size)
        kinds = cluster.kinds[rows]
        own = kind_bit(pod)
        base = np.where(kinds == own, 75, np.where(kinds & own > 0, 50, np.where(kinds == 0, 25, 0)))
        used = 25 * (LARGEST_GPU_MILLI - cluster.gpu_free[rows].sum(axis=1)) // LARGEST_GPU_MILLI
        return np.asarray(base + used, dtype=np.float64)
