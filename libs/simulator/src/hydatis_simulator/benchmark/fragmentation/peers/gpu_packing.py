"""GpuPacking: fill devices in use, then idle devices of nodes in use, then idle nodes."""

from __future__ import annotations

import numpy as np
from hydatis_placement.gpu_choices import DEVICE_MILLI
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster
from hydatis_simulator.benchmark.fragmentation.scores import BestFitDevice
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["GpuPacking"]


class GpuPacking(BestFitDevice):
    """With idle the node's wholly free devices, k those of them that the pod would take, u the device it would share:

    all devices idle: max(33 - idle, idle); k > 0: max(50 - k, 33); else max(100 - floor(floor(100 free_u / 1000) / 10), 50).
    A pod without GPU scores every node 0. A device is one the pod would take by best fit.
    """

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """0..100, whole."""
        if not pod.gpu_count:
            return np.zeros(rows.size)
        free = cluster.gpu_free[rows]
        idle = (free == DEVICE_MILLI).sum(axis=1)
        fullest = np.where(free >= pod.gpu_milli, free, DEVICE_MILLI).min(axis=1)
        taken = pod.gpu_count if not pod.is_shared else (fullest == DEVICE_MILLI).astype(np.int64)
        shared = np.maximum(100 - (fullest * 100 // DEVICE_MILLI) // 10, 50)
        used = np.where(taken > 0, np.maximum(50 - taken, 33), shared)
        score = np.where(idle == cluster.gpu_count[rows], np.maximum(33 - idle, idle), used)
        return np.asarray(score, dtype=np.float64)
