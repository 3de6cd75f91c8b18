"""Which share of which GPU device is taken, node by node.

A cluster says how many devices a pod takes and which share of each, but not which ones. They are assigned here by one fixed rule,
so that every replica and every replay comes to the same free shares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

__all__ = ["GpuShares", "gpu_milli"]

WHOLE_MILLI = 1000


def gpu_milli(pod: Pod) -> int:
    """Share a pod takes of each of its devices, in thousandths; a pod that names no share takes whole devices. 0: takes none."""
    return (pod.requests.gpu_milli_per_device or WHOLE_MILLI) if pod.requests.gpu_count else 0


class GpuShares:
    """Free shares of the GPU devices of some nodes.

    Every device starts free: what is taken is what the bound pods take, whatever ``GpuDevice.free_milli`` of the node said.

    Args:
        nodes: the nodes, in row order.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._devices = [node.gpu_devices for node in nodes]
        self.device_counts: NDArray[np.int64] = np.array([len(devices) for devices in self._devices], dtype=np.int64)
        widest = int(self.device_counts.max(initial=0))
        #: shape (nodes, most devices of a node), thousandths free; below 0 when more is bound than there is.
        self._free = np.full((len(nodes), widest), WHOLE_MILLI, dtype=np.int64)
        self._exists = np.arange(widest) < self.device_counts[:, None]
        self._shown: dict[int, tuple[GpuDevice, ...]] = {}
        for row in np.flatnonzero(self.device_counts).tolist():
            self._show(row)

    def take(self, row: int, count: int, milli: int) -> tuple[int, ...]:
        """Takes a share of so many devices of a node; returns their positions, ascending.

        First the devices with enough left, the fullest of them first (it leaves whole devices whole); then, when there are not
        enough, those with the most left.
        """
        free = self._free[row, : self.device_counts[row]].tolist()
        order = sorted(range(len(free)), key=lambda i: (free[i] < milli, free[i] if free[i] >= milli else -free[i], i))
        taken = tuple(sorted(order[:count]))
        self.retake(row, taken, milli)
        return taken

    def retake(self, row: int, positions: Sequence[int], milli: int) -> None:
        """Takes a share of known devices: a negative share gives it back."""
        if positions:
            self._free[row, list(positions)] -= milli
            self._show(row)

    def devices(self) -> dict[int, tuple[GpuDevice, ...]]:
        """Devices with their free share, by row, of nodes that have any. A new dict at each call."""
        return dict(self._shown)

    def largest_free_ratio(self) -> NDArray[np.float64]:
        """Largest free share of one device, 0..1, shape (nodes,); NaN without devices."""
        if not self._free.size:
            return np.full(len(self._devices), np.nan)
        largest = np.where(self._exists, self._free, 0).max(axis=1).clip(0) / WHOLE_MILLI
        return np.where(self.device_counts > 0, largest, np.nan)

    def whole_free_count(self) -> NDArray[np.float64]:
        """Devices nobody has a share of, shape (nodes,); NaN without devices."""
        whole = (self._exists & (self._free == WHOLE_MILLI)).sum(axis=1)
        return np.where(self.device_counts > 0, whole, np.nan)

    def _show(self, row: int) -> None:
        free = self._free[row].clip(0).tolist()
        self._shown[row] = tuple(
            GpuDevice(device.device_index, device.model, free[i]) for i, device in enumerate(self._devices[row])
        )
