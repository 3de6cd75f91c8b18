"""Ours: the node and device where a placement loses least GPU, by prices learned from the pods seen so far.

It starts knowing nothing, and it has no weight to tune: gaps and stranded GPU are both counted in thousandths of a device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_features.gpu_demand import GpuDemandSums
from hydatis_placement.gpu_loss import GpuPrices, NodeRoom
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape

__all__ = ["LeastLoss"]

#: Prices are set anew when twice as many pods were seen, at the latest after so many more.
_LARGEST_STEP = 2048


class LeastLoss:
    """score = -round(S_after - S_before + gap loss), thousandths of a device (``GpuPrices``); for a share the best over devices.

    Among equals the first node wins: pods gather on few nodes and idle nodes stay idle.

    Args:
        shapes: what the numbers of arriving pods mean.
    """

    remembers = True

    def __init__(self, shapes: Sequence[PodShape]) -> None:
        self.epoch = 0
        self._shapes = shapes
        self._sums = GpuDemandSums()
        self._prices = GpuPrices.of(self._sums.demand())
        self._seen_count = 0
        self._next_count = 1

    def arrive(self, cluster: GpuCluster, shape: int) -> None:
        """Counts the pod; sets prices when enough more were seen."""
        pod = self._shapes[shape]
        self._sums.add(pod.cpu_milli, pod.memory_mib, pod.gpu_count, pod.gpu_milli)
        self._seen_count += 1
        if self._seen_count == self._next_count:
            self._prices = GpuPrices.of(self._sums.demand())
            self._next_count += min(self._seen_count, _LARGEST_STEP)
            self.epoch += 1

    def score(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Less lost, higher: whole thousandths of a device."""
        return np.asarray(self._per_device(cluster, pod, rows).max(axis=1), dtype=np.float64)

    def device(self, cluster: GpuCluster, pod: PodShape, row: int) -> int:
        """The device whose gap loses least, the first among equals."""
        return int(self._per_device(cluster, pod, np.array([row])).argmax())

    def _per_device(self, cluster: GpuCluster, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        devices = cluster.gpu_free[rows]
        free = NodeRoom(cluster.cpu_free[rows], cluster.memory_free[rows], devices.sum(axis=1))
        lost = self._prices.lost(
            free, cluster.whole.rows(rows), devices, pod.cpu_milli, pod.memory_mib, pod.gpu_count, pod.gpu_milli
        )
        return -np.round(lost)
