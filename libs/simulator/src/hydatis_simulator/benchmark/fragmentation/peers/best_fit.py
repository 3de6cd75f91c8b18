"""BestFit: the node with least left over CPU and GPU together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster
from hydatis_simulator.benchmark.fragmentation.scores import LARGEST_CPU_MILLI, LARGEST_GPU_MILLI, BestFitDevice
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["BestFit"]


class BestFit(BestFitDevice):
    """score = trunc(100 (1 - (left_cpu + left_gpu) / 2)), what is left after placement as shares of the largest node.

    The authors stretch the scores of a pod over 0..100 afterwards, which changes neither order nor ties.
    """

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """0..100, whole."""
        cpu = (cluster.cpu_free[rows] - pod.cpu_milli) / LARGEST_CPU_MILLI * 0.5
        gpu = (cluster.gpu_free[rows].sum(axis=1) - pod.gpu_milli_total) / LARGEST_GPU_MILLI * 0.5
        return np.asarray(np.trunc((1.0 - (cpu + gpu)) * 100.0), dtype=np.float64)
