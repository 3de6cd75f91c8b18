"""GPU that a placement loses: what no pod like those seen so far will be able to use.

A placement loses GPU in two ways. A share is put into a gap that was worth more to other shares. Or CPU and memory are taken beside
idle GPU in another proportion than GPU pods need them, until GPU is left that no pod can use. Both are counted in thousandths of a
device, so they add up without weights, and both need only sums over the pods seen: no task mix has to be told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_features.gpu_demand import GpuDemand
from numpy.typing import NDArray

from hydatis_placement.gap_values import LEVELS, gap_values
from hydatis_placement.gpu_choices import DEVICE_MILLI, after_placement

__all__ = ["GpuPrices", "NodeRoom", "gpu_loss_cost"]

Vector = NDArray[np.float64]

_PER_LEVEL = DEVICE_MILLI // LEVELS
_MOST_SIZES = 32
_HALF_LOSS = np.float32(0.25)


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """What is free on nodes, or all they have. Every array has shape (nodes,)."""

    cpu_milli: NDArray[np.int64]
    """Thousandths of a core, >= 0."""
    memory_mib: NDArray[np.int64]
    """MiB, >= 0."""
    gpu_milli: NDArray[np.int64]
    """Thousandths of a device, over all devices of the node, >= 0."""

    def rows(self, rows: NDArray[np.int64]) -> NodeRoom:
        """Some of the nodes, with or without repeats."""
        return NodeRoom(self.cpu_milli[rows], self.memory_mib[rows], self.gpu_milli[rows])


@dataclass(frozen=True)
class GpuPrices:
    """What the demand seen makes of gaps, CPU and memory."""

    gap_worth: Vector
    """Worth of a gap on one device, shape (101,), devices, by hundredths free: ``gap_values`` of the shares seen."""
    cpu_per_gpu: float
    """CPU that GPU pods ask for over the GPU they ask for, thousandths of a core per thousandth of a device; 0: unknown."""
    memory_per_gpu: float
    """The same for memory, MiB per thousandth of a device; 0: unknown."""

    @classmethod
    def of(cls, demand: GpuDemand) -> GpuPrices:
        """Prices for the demand seen so far; before the first GPU pod nothing is known to be lost.

        Gaps are priced by the 32 most frequent shares: the linear program of a hundred takes a second.
        """
        by_count = sorted(zip(demand.sizes, demand.counts, strict=True), key=lambda share: (-share[1], share[0]))
        frequent = sorted(by_count[:_MOST_SIZES])
        sizes = np.array([size for size, _ in frequent], dtype=np.int64)
        counts = np.array([count for _, count in frequent], dtype=np.float64)
        gpu = max(demand.gpu_milli, 1)
        return cls(gap_values(sizes, counts), demand.cpu_milli / gpu, demand.memory_mib / gpu)

    def stranded(self, free: NodeRoom, whole: NodeRoom) -> Vector:
        """Free GPU for which CPU or memory lacks.

            S = sum over r in (CPU, memory) of max(0, G - free_r / min(r_per_gpu, whole_r / whole_gpu)),

        with G the node's free GPU. A node poor in CPU is measured by its own proportion: while it is empty nothing is stranded.

        Args:
            free: what is free.
            whole: what the same nodes have in all.

        Returns:
            Thousandths of a device, shape (nodes,), >= 0; 0 without GPU.
        """
        stranded = np.zeros(free.gpu_milli.size)
        devices = np.maximum(whole.gpu_milli, 1)
        for have, own, per_gpu in (
            (free.cpu_milli, whole.cpu_milli, self.cpu_per_gpu),
            (free.memory_mib, whole.memory_mib, self.memory_per_gpu),
        ):
            if per_gpu > 0.0:
                needed = np.maximum(np.minimum(per_gpu, own / devices), 1e-9)
                stranded += np.maximum(0.0, free.gpu_milli - np.maximum(have, 0) / needed)
        return stranded

    def stranded_change(self, free: NodeRoom, whole: NodeRoom, cpu_milli: int, memory_mib: int, gpu_milli: int) -> Vector:
        """``stranded`` after something was taken, less before.

        Args:
            free: what is free before.
            whole: what the same nodes have in all.
            cpu_milli, memory_mib, gpu_milli: what is taken, the last in all.

        Returns:
            Thousandths of a device, shape (nodes,), below 0 where stranded GPU becomes usable.
        """
        then = NodeRoom(free.cpu_milli - cpu_milli, free.memory_mib - memory_mib, free.gpu_milli - gpu_milli)
        return self.stranded(then, whole) - self.stranded(free, whole)

    def gap_loss(self, gap_milli: NDArray[np.int64], share_milli: int) -> Vector:
        """Worth lost by putting a share into a gap: V(g) - V(s) - V(g - s).

        Args:
            gap_milli: free on the device before, shape (states,), thousandths, at least the share.
            share_milli: the share, 1..999.

        Returns:
            Thousandths of a device, shape (states,), >= 0.
        """
        size = -(-share_milli // _PER_LEVEL)
        gap = gap_milli // _PER_LEVEL
        worth = self.gap_worth
        lost: Vector = worth[gap] - worth[size] - worth[np.maximum(gap - size, 0)]
        return np.maximum(lost, 0.0) * DEVICE_MILLI

    def lost(
        self,
        free: NodeRoom,
        whole: NodeRoom,
        devices_milli: NDArray[np.int64],
        cpu_milli: int,
        memory_mib: int,
        gpu_count: int,
        gpu_milli: int,
    ) -> Vector:
        """GPU lost by placing a pod, for every choice of device: S after less S before, and for a share its gap loss.

        Args:
            free: what is free; every node has room for the pod.
            whole: what the same nodes have in all.
            devices_milli: free of each device, shape (nodes, devices), thousandths; 0 where there is no device.
            cpu_milli, memory_mib, gpu_count, gpu_milli: what the pod asks for, the last of each device.

        Returns:
            Thousandths of a device, shape (nodes, devices), below 0 where stranded GPU becomes usable; infinite where the device
            is no choice (a pod of whole devices or of none has one choice, device 0).
        """
        change = self.stranded_change(free, whole, cpu_milli, memory_mib, gpu_count * gpu_milli)
        node, device, _ = after_placement(devices_milli, gpu_count, gpu_milli)
        lost = change[node]
        if gpu_count == 1 and gpu_milli < DEVICE_MILLI:
            lost += self.gap_loss(devices_milli[node, device], gpu_milli)
        choices = np.full(devices_milli.shape, np.inf)
        choices[node, device] = lost
        return choices


def gpu_loss_cost(lost: NDArray[np.floating]) -> NDArray[np.float32]:
    """What a loss of GPU costs beside overload: l / (|l| + 1/4).

    A tenth of a device decides between nodes that are safe alike, and all the GPU of a node costs less than wrecking one.

    Args:
        lost: l, any shape, devices (``fragmentation.gpu_lost``).

    Returns:
        Same shape, float32, within -1..1, growing.
    """
    cost: NDArray[np.float32] = (lost / (np.abs(lost) + _HALF_LOSS)).astype(np.float32)
    return cost
