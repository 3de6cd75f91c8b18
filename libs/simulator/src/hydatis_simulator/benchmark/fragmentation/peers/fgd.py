"""FGD: fragmentation gradient descent, the authors' own policy: the node and device where expected fragmentation grows least."""

from __future__ import annotations

import numpy as np
from hydatis_placement.gpu_choices import after_placement
from hydatis_placement.gpu_fragmentation import WorkloadMix, gpu_fragmentation
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["FGD"]


class FGD:
    """score = trunc(100 sigmoid((F_before - F_after) / 1000)), F in thousandths of a device; for a share the best over devices.

    Args:
        mix: the pods to come; the authors take those of the whole list (``typical_mix``).
    """

    epoch = 0
    remembers = True

    def __init__(self, mix: WorkloadMix) -> None:
        self._mix = mix

    def arrive(self, cluster: GpuCluster, shape: int) -> None:
        """Nothing is learned: the mix is known."""

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """0..100, whole."""
        return np.asarray(self._per_device(cluster, pod, rows).max(axis=1), dtype=np.float64)

    def device(self, cluster: GpuCluster, pod: PodShape, row: int) -> int:
        """The device with the highest score, the first among equals."""
        return int(self._per_device(cluster, pod, np.array([row])).argmax())

    def _per_device(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        cpu, gpu, model = cluster.cpu_free[rows], cluster.gpu_free[rows], cluster.model[rows]
        before = gpu_fragmentation(cpu, gpu, model, self._mix)
        state, device, left = after_placement(gpu, pod.gpu_count, pod.gpu_milli)
        after = gpu_fragmentation(cpu[state] - pod.cpu_milli, left, model[state], self._mix)
        scores = np.full(gpu.shape, -np.inf)
        # Rounded, because what is cut off must not depend on the order in which a sum was taken.
        change = np.round(after - before[state], 6)
        scores[state, device] = np.trunc(100.0 / (1.0 + np.exp(change / 1000.0)))
        return scores
