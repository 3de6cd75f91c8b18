"""GPU devices of all nodes as one matrix, so that asking every node at once is one expression.

A pod takes a share (thousandths) of each of a number of devices. Which devices is our choice, as it is the device plugin's in a
cluster: the fullest that still fit (best fit), so that whole devices stay whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.resources import Resources
from numpy.typing import NDArray

__all__ = ["GpuPool", "device_share"]

#: Stands for "no such device" in the matrix of free shares: below any share one can ask for.
ABSENT = -1


def device_share(requests: Resources) -> int:
    """Thousandths a pod takes of each of its devices: a whole device where it asks for devices and names no share."""
    return requests.gpu_milli_per_device or 1000


class GpuPool:
    """Free shares of every device of every node.

    Args:
        nodes: the cluster; its devices' ``free_milli`` is where they start.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        width = max((len(node.gpu_devices) for node in nodes), default=0)
        self.free_milli: NDArray[np.int32] = np.full((len(nodes), width), ABSENT, dtype=np.int32)
        """shape (nodes, devices of the node with most), int32, thousandths; -1: no such device."""
        self._models = [[device.model for device in node.gpu_devices] for node in nodes]
        self._model_of = np.array([models[0] if models else "" for models in self._models], dtype=object)
        for row, node in enumerate(nodes):
            for position, device in enumerate(node.gpu_devices):
                self.free_milli[row, position] = device.free_milli

    def fits(self, requests: Resources, models: Sequence[str] = ()) -> NDArray[np.bool_] | None:
        """Which nodes have the devices, shape (nodes,); None: the pod asks for none, so all have.

        Args:
            requests: what the pod asks for.
            models: models it may run on, compared with each node's first device (a node's devices are alike); empty: any.
        """
        if requests.gpu_count == 0:
            return None
        enough: NDArray[np.bool_] = (self.free_milli >= device_share(requests)).sum(axis=1) >= requests.gpu_count
        if models:
            enough &= np.isin(self._model_of, list(models))
        return enough

    def take(self, row: int, requests: Resources) -> tuple[int, ...]:
        """Gives a pod its devices on a node that ``fits``: the ones with least free that suffice, lowest index first among equals.

        Returns:
            Positions of the devices, to be given back by ``give``.
        """
        if requests.gpu_count == 0:
            return ()
        share = device_share(requests)
        free = self.free_milli[row]
        suitable = np.flatnonzero(free >= share)
        chosen = suitable[np.argsort(free[suitable], kind="stable")][: requests.gpu_count]
        self.free_milli[row, chosen] -= share
        return tuple(int(position) for position in chosen)

    def give(self, row: int, requests: Resources, positions: tuple[int, ...]) -> None:
        """Takes a pod's devices back."""
        self.free_milli[row, list(positions)] += device_share(requests)

    def devices(self, row: int) -> tuple[GpuDevice, ...]:
        """The devices of a node as they stand now."""
        free = self.free_milli[row]
        return tuple(GpuDevice(position, model, int(free[position])) for position, model in enumerate(self._models[row]))
