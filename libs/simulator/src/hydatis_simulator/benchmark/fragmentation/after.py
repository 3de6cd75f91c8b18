"""States of nodes after placement, one per choice of device that makes a difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.shapes import DEVICE_MILLI, PodShape

__all__ = ["after_placement"]

Integers = NDArray[np.int64]


def after_placement(gpu_free: Integers, pod: PodShape) -> tuple[Integers, Integers, Integers]:
    """What is free on the devices after the pod, for every choice of device that is open.

    Devices with equally much free are alike: the first stands for them. A pod of whole devices takes the first free ones, a pod
    without GPU none: one state per node, under device 0.

    Args:
        gpu_free: shape (nodes, devices), thousandths of a device; every node has room for the pod.
        pod: the pod.

    Returns:
        Node of each state, shape (states,); its device, shape (states,); free after it, shape (states, devices).
    """
    nodes = np.arange(gpu_free.shape[0])
    if not pod.is_shared:
        left = gpu_free.copy()
        if pod.gpu_count:
            idle = gpu_free == DEVICE_MILLI
            left[idle & (idle.cumsum(axis=1) <= pod.gpu_count)] = 0
        return nodes, np.zeros_like(nodes), left
    alike = gpu_free[:, :, None] == gpu_free[:, None, :]
    first = ~np.tril(alike, -1).any(axis=2)
    state, device = np.nonzero((gpu_free >= pod.gpu_milli) & first)
    left = gpu_free[state]
    left[np.arange(state.size), device] -= pod.gpu_milli
    return state, device, left
