"""DotProd: the packing heuristic of Tetris, with the sign of the authors: the smaller the product, the better."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster
from hydatis_simulator.benchmark.fragmentation.scores import LARGEST_CPU_MILLI, LARGEST_GPU_MILLI, BestFitDevice
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["DotProduct"]


class DotProduct(BestFitDevice):
    """score = trunc(100 (1 - (free_cpu req_cpu + free_gpu req_gpu) / 2)), all as shares of the largest node.

    A node's GPU is one dimension, the sum over its devices; a share goes to the device with least free.
    """

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """0..100, whole."""
        cpu = (cluster.cpu_free[rows] / LARGEST_CPU_MILLI) * (pod.cpu_milli / LARGEST_CPU_MILLI)
        gpu = (cluster.gpu_free[rows].sum(axis=1) / LARGEST_GPU_MILLI) * (pod.gpu_milli_total / LARGEST_GPU_MILLI)
        return np.asarray(np.trunc(100.0 * (1.0 - (cpu + gpu) / 2.0)), dtype=np.float64)
