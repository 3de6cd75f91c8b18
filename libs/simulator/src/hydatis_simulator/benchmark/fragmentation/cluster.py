"""The arena's cluster: free CPU, memory and GPU of every node as arrays, so that one expression asks all nodes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_placement.gpu_choices import DEVICE_MILLI
from hydatis_placement.gpu_loss import NodeRoom
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.shapes import PodShape, model_bits

__all__ = ["GpuCluster", "GpuNode"]


@dataclass(frozen=True, slots=True)
class GpuNode:
    """An empty node; its devices are alike."""

    name: str
    cpu_milli: int
    memory_mib: int
    gpu_count: int
    gpu_model: str


class GpuCluster:
    """Nodes with what is free on them.

    Args:
        nodes: at least one, with at least one GPU among them.

    Raises:
        InvalidValue: no node, or no GPU.
    """

    def __init__(self, nodes: Sequence[GpuNode]) -> None:
        if not nodes or not any(node.gpu_count for node in nodes):
            raise InvalidValue(f"{len(nodes)} nodes without any GPU", field="nodes", expected="at least one node with a GPU")
        self.nodes = tuple(nodes)
        self.models = tuple(sorted({node.gpu_model for node in nodes}))
        self.cpu_milli: NDArray[np.int64] = np.array([node.cpu_milli for node in nodes], dtype=np.int64)
        """Allocatable, shape (nodes,), thousandths of a core."""
        self.gpu_count: NDArray[np.int64] = np.array([node.gpu_count for node in nodes], dtype=np.int64)
        """Devices, shape (nodes,)."""
        self.model: NDArray[np.int64] = np.array([self.models.index(node.gpu_model) for node in nodes], dtype=np.int64)
        """Position of the node's GPU model in ``models``, shape (nodes,)."""
        self.cpu_free: NDArray[np.int64] = self.cpu_milli.copy()
        """shape (nodes,), thousandths of a core."""
        self.memory_free: NDArray[np.int64] = np.array([node.memory_mib for node in nodes], dtype=np.int64)
        """shape (nodes,), MiB."""
        devices = np.arange(int(self.gpu_count.max()))
        self.gpu_free: NDArray[np.int64] = np.where(devices < self.gpu_count[:, None], DEVICE_MILLI, 0).astype(np.int64)
        """shape (nodes, most devices of a node), thousandths of a device; 0 also where there is no such device."""
        self.kinds: NDArray[np.int64] = np.zeros(len(nodes), dtype=np.int64)
        """Kinds of GPU pods on each node, shape (nodes,): bit 0 shares of a device, bit k pods of k whole devices."""
        self.whole = NodeRoom(self.cpu_milli, self.memory_free.copy(), self.gpu_count * DEVICE_MILLI)
        """What the nodes have in all."""
        self.gpu_total_milli = int(self.gpu_count.sum()) * DEVICE_MILLI
        """All devices, thousandths of a device."""

    def fits(self, pod: PodShape, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the nodes have room, shape (rows,): CPU, memory, enough devices with enough free, a model it may run on."""
        enough: NDArray[np.bool_] = (self.cpu_free[rows] >= pod.cpu_milli) & (self.memory_free[rows] >= pod.memory_mib)
        if pod.gpu_count:
            enough &= (self.gpu_free[rows] >= pod.gpu_milli).sum(axis=1) >= pod.gpu_count
            if pod.models:
                enough &= (model_bits(pod.models, self.models) >> self.model[rows]) & 1 == 1
        return enough

    def place(self, pod: PodShape, row: int, device: int | None) -> None:
        """Takes what the pod asks for.

        Args:
            pod: what it asks for; it must fit.
            row: the node.
            device: the device of a pod that takes a share of one; ignored otherwise: whole devices are the first free ones.
        """
        self.cpu_free[row] -= pod.cpu_milli
        self.memory_free[row] -= pod.memory_mib
        if not pod.gpu_count:
            return
        free = self.gpu_free[row]
        if pod.is_shared:
            assert device is not None, "a share is of one device"
            free[device] -= pod.gpu_milli
        else:
            free[np.flatnonzero(free == DEVICE_MILLI)[: pod.gpu_count]] = 0
        self.kinds[row] |= kind_bit(pod)
        if free.min() < 0 or self.cpu_free[row] < 0 or self.memory_free[row] < 0:
            raise InvalidValue(f"{pod} does not fit on {self.nodes[row].name}", field="row", expected="a node with room")

    @property
    def gpu_allocated_ratio(self) -> float:
        """Allocated over all GPU, 0..1."""
        return 1.0 - float(self.gpu_free.sum()) / self.gpu_total_milli


def kind_bit(pod: PodShape) -> int:
    """The bit of a GPU pod's kind in ``GpuCluster.kinds``."""
    return 1 if pod.is_shared else 1 << pod.gpu_count


def best_fit_device(free: NDArray[np.int64], gpu_milli: int) -> int:
    """The device with the least free that has room for a share, the first among equals; shape (devices,) in."""
    return int(np.where(free >= gpu_milli, free, DEVICE_MILLI + 1).argmin())
