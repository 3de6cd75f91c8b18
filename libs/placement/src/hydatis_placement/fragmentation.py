"""Fragmentation: what is free and yet of no use to the pods that come.

A node with much memory and no CPU left is full for everybody. The measure follows FGD (Weng et al., "Beware of Fragmentation",
USENIX ATC 2023), which counts free GPU that the task mix cannot use; for CPU and memory the analogue is counted here.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.gpu_demand import whole_amounts
from hydatis_features.gpu_shares import gpu_milli as pod_gpu_milli
from numpy.typing import NDArray

from hydatis_placement.gpu_choices import DEVICE_MILLI
from hydatis_placement.gpu_loss import NodeRoom
from hydatis_placement.view import ClusterView, Fact

__all__ = ["POD_SIZES", "gpu_after", "gpu_lost", "stranded_ratio"]

Vector = NDArray[np.float32]

#: The mix of pods to come: the cluster's mean request times these, equally likely.
POD_SIZES: tuple[float, ...] = (0.5, 1.0, 2.0)
#: Small beside any loss: a device left counts as a hundredth of one lost.
_LEFT_WEIGHT = 0.01
_SIZES = np.array(POD_SIZES, dtype=np.float32)[:, None, None]


def stranded_ratio(
    cpu_before: Vector, memory_before: Vector, cpu_after: Vector, memory_after: Vector, typical_cpu: Vector, typical_memory: Vector
) -> tuple[Vector, Vector]:
    """Share of a node that is free and of no use to the pods to come, before and after a placement.

    For each size s: k = floor(min(free_cpu / (s d_cpu), free_memory / (s d_memory))) pods fit; stranded = the mean over
    both resources of free - k s d. The result is the mean over sizes.

    Args:
        cpu_before, memory_before, cpu_after, memory_after: requested share of allocatable, each shape (nodes,).
        typical_cpu, typical_memory: the mean request d as a share of allocatable; both zero: nothing is stranded.

    Returns:
        Before and after, each shape (nodes,), float32, 0..1.
    """
    free_cpu = np.maximum(np.float32(1.0) - np.stack([cpu_before, cpu_after]), np.float32(0.0))
    free_memory = np.maximum(np.float32(1.0) - np.stack([memory_before, memory_after]), np.float32(0.0))
    tiny = np.float32(1e-9)
    demand_cpu = _SIZES * np.maximum(typical_cpu, tiny)
    demand_memory = _SIZES * np.maximum(typical_memory, tiny)
    fitting = np.floor(np.minimum(free_cpu / demand_cpu, free_memory / demand_memory))
    stranded = free_cpu + free_memory - fitting * (demand_cpu + demand_memory)
    mean = np.maximum(stranded.mean(axis=0), np.float32(0.0)) * np.float32(0.5)
    mean *= (typical_cpu + typical_memory) > 0
    return mean[0], mean[1]


def gpu_after(view: ClusterView, rows: NDArray[np.int32], facts: NDArray[np.float32], pod: Pod) -> tuple[Vector, Vector]:
    """Free GPU after placement: the largest free share of one device, and the whole free devices over the node's devices.

    A pod that takes a share takes it of the fullest device that has room (best fit); one that takes whole devices takes free
    ones. Where it does not fit, nothing is taken: kube-scheduler does not offer such nodes.

    Args:
        view: the state decided on.
        rows: shape (candidates,), rows of the table.
        facts: ``view.facts`` at these rows.
        pod: the pod to place.

    Returns:
        Both shape (candidates,), float32, 0..1, 0 without GPU.
    """
    wanted = pod.requests.gpu_count
    if wanted == 0 or view.gpu_free.shape[1] == 0:
        return facts[Fact.GPU_LARGEST_FREE], facts[Fact.GPU_WHOLE_FREE]
    free = view.gpu_free.take(rows, axis=0)
    share = np.float32((pod.requests.gpu_milli_per_device or 1000) / 1000.0)
    fits = free >= share - np.float32(1e-6)
    # The fullest devices with room first: their places among the sorted, so that the first `wanted` of them are taken.
    order = np.argsort(np.where(fits, free, np.float32(np.inf)), axis=1, kind="stable")
    chosen = np.zeros_like(fits)
    np.put_along_axis(chosen, order[:, :wanted], True, axis=1)
    chosen &= fits & (fits.sum(axis=1) >= wanted)[:, None]
    left = np.where(chosen, free - share, free)
    devices = np.maximum((free >= 0).sum(axis=1), 1)
    largest = np.maximum(left.max(axis=1), np.float32(0.0)).astype(np.float32)
    whole = ((left > 1.0 - 1e-6).sum(axis=1) / devices).astype(np.float32)
    return largest, whole


def gpu_lost(
    view: ClusterView, rows: NDArray[np.int32], pod: Pod, cpu_requested_after: Vector, memory_requested_after: Vector
) -> Vector:
    """GPU that no pod like those seen so far could use any more, if the pod were placed.

        lost = S_after - S_before + gap loss + 0.01 G,

    with S what is stranded and, of a share, the loss of its gap on the device that ``gpu_after`` says it takes (``GpuPrices``). G
    is the GPU left free on the node, 0 for a pod that asks for none: among nodes that lose alike a pod takes the one with least
    left, so that idle nodes stay whole for pods of many devices.

    It counts for pods without GPU too: they take CPU and memory beside idle GPU. On a node that has no room by the table, a pod is
    said to lose all the GPU it asks for.

    Args:
        view: the state decided on.
        rows: shape (candidates,), rows of the table.
        pod: the pod to place.
        cpu_requested_after, memory_requested_after: requests with the pod and all credits, share of allocatable, shape as rows.

    Returns:
        Devices, shape (candidates,), float32, below 0 where stranded GPU becomes usable; 0 on nodes without GPU.
    """
    result = np.zeros(rows.size, dtype=np.float32)
    if view.gpu_free.shape[1] == 0:
        return result
    at = np.flatnonzero(view.gpu_room.gpu_milli.take(rows))
    if not at.size:
        return result
    on = rows[at].astype(np.int64)
    whole = view.gpu_room.rows(on)
    devices = view.gpu_milli_free.take(on, axis=0)
    asked = pod.requests
    (cpu_milli, memory_mib), gpu_milli = whole_amounts(pod), pod_gpu_milli(pod)
    free = NodeRoom(
        _free(whole.cpu_milli, cpu_requested_after[at], cpu_milli),
        _free(whole.memory_mib, memory_requested_after[at], memory_mib),
        devices.sum(axis=1),
    )
    prices = view.gpu_prices
    lost = prices.stranded_change(free, whole, cpu_milli, memory_mib, asked.gpu_count * gpu_milli)
    if asked.gpu_count:
        fits = devices >= gpu_milli
        if asked.gpu_count == 1 and gpu_milli < DEVICE_MILLI:
            lost += prices.gap_loss(np.where(fits, devices, DEVICE_MILLI).min(axis=1), gpu_milli)
        lost += _LEFT_WEIGHT * (free.gpu_milli - asked.gpu_count * gpu_milli)
        lost = np.where(fits.sum(axis=1) >= asked.gpu_count, lost, asked.gpu_count * gpu_milli)
    result[at] = lost / DEVICE_MILLI
    return result


def _free(whole: NDArray[np.int64], requested_after: Vector, asked: int) -> NDArray[np.int64]:
    """What is free before the pod takes what it asks for."""
    after = np.rint(whole * (1.0 - requested_after.astype(np.float64))).astype(np.int64)
    return np.maximum(after + asked, 0)
