"""What the peers share: scores are whole numbers 0 to 100, as in kube-scheduler; ties are many and part of the result."""

from __future__ import annotations

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster, best_fit_device
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["LARGEST_CPU_MILLI", "LARGEST_GPU_MILLI", "BestFitDevice"]

#: The largest node the authors know, by which CPU and GPU become shares.
LARGEST_CPU_MILLI = 128_000
LARGEST_GPU_MILLI = 8_000


class BestFitDevice:
    """A policy whose scores depend on the node alone and that puts a share on the device with least free."""

    epoch = 0
    remembers = True

    def arrive(self, cluster: GpuCluster, shape: int) -> None:
        """Nothing is learned."""

    def device(self, cluster: GpuCluster, pod: PodShape, row: int) -> int:
        """The device with the least free that has room, the first among equals."""
        return best_fit_device(cluster.gpu_free[row], pod.gpu_milli)
