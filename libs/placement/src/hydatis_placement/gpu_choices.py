"""States of nodes after a GPU pod, one per choice of device that makes a difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEVICE_MILLI", "after_placement"]

Integers = NDArray[np.int64]

#: Thousandths of one GPU device.
DEVICE_MILLI = 1000


def after_placement(gpu_free: Integers, gpu_count: int, gpu_milli: int) -> tuple[Integers, Integers, Integers]:
    """What is free on the devices after a pod, for every choice of device that is open.

    Devices with equally much free are alike: the first stands for them. A pod of whole devices takes the first free ones, a pod
    without GPU none: one state per node, under device 0.

    Args:
        gpu_free: shape (nodes, devices), thousandths of a device; 0 where there is no device; every node has room for the pod.
        gpu_count: devices asked for.
        gpu_milli: thousandths of each.

    Returns:
        Node of each state, shape (states,); its device, shape (states,); free after it, shape (states, devices).
    """
    nodes = np.arange(gpu_free.shape[0])
    if gpu_count != 1 or gpu_milli == DEVICE_MILLI:
        left = gpu_free.copy()
        if gpu_count:
            idle = gpu_free == DEVICE_MILLI
            left[idle & (idle.cumsum(axis=1) <= gpu_count)] = 0
        return nodes, np.zeros_like(nodes), left
    alike = gpu_free[:, :, None] == gpu_free[:, None, :]
    first = ~(alike & np.tri(gpu_free.shape[1], k=-1, dtype=np.bool_)).any(axis=2)
    state, device = np.nonzero((gpu_free >= gpu_milli) & first)
    left = gpu_free[state]
    left[np.arange(state.size), device] -= gpu_milli
    return state, device, left
