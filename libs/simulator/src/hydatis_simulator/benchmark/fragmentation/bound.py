"""How much GPU no policy can pass: devices are cut into shares, and what is cut off helps nobody."""

from __future__ import annotations

import numpy as np
from hydatis_placement.gap_values import LEVELS, gap_values
from hydatis_placement.gpu_choices import DEVICE_MILLI
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.shapes import Workload

__all__ = ["allocation_bound_milli"]


def allocation_bound_milli(workload: Workload, arrived: NDArray[np.int64], gpu_total_milli: int) -> float:
    """Upper bound of the GPU that any choice and any placement of these pods gives, knowing all of them.

    V of ``gap_values`` never adds up to more than 1 on a device, so with D devices
        max sum_i x_i size_i  subject to  sum_i x_i V_i <= D, 0 <= x_i <= 1
    (V_i = number of devices for pods of whole ones) cannot be passed. CPU, memory and models are left out.

    Args:
        workload: the shapes.
        arrived: shape (pods,), positions in its shapes.
        gpu_total_milli: the cluster's GPU, thousandths of a device.

    Returns:
        Thousandths of a device.
    """
    counts = np.bincount(arrived, minlength=len(workload.shapes)).astype(np.float64)
    is_shared = np.array([shape.is_shared for shape in workload.shapes])
    # Rounded down, so that whatever fits into a device in truth fits here too.
    size = np.array([shape.gpu_milli * LEVELS // DEVICE_MILLI if shape.is_shared else 0 for shape in workload.shapes])
    shared = (size > 0) & (counts > 0)
    sizes, place = np.unique(size[shared], return_inverse=True)
    worth = gap_values(sizes.astype(np.int64), np.bincount(place, weights=counts[shared], minlength=sizes.size).astype(np.float64))
    devices = np.array([shape.gpu_count for shape in workload.shapes])
    cost = np.where(is_shared, worth[size], devices)
    milli = workload.gpu_milli.astype(np.float64)
    free = cost <= 1e-6
    given = float((milli * counts)[free].sum())
    left = gpu_total_milli / DEVICE_MILLI
    for shape in sorted(np.flatnonzero(~free), key=lambda one: -milli[one] / cost[one]):
        taken = min(float(counts[shape]), left / cost[shape])
        given += taken * float(milli[shape])
        left -= taken * float(cost[shape])
    return min(given, float(gpu_total_milli))
