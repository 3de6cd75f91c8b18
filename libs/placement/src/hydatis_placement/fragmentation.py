"""Fragmentation: what is free and yet of no use to the pods that come.

A node with much memory and no CPU left is full for everybody. The measure follows FGD (Weng et al., "Beware of Fragmentation",
USENIX ATC 2023), which counts free GPU that the task mix cannot use; for CPU and memory the analogue is counted here.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_placement.gpu_choices import DEVICE_MILLI
from hydatis_placement.gpu_loss import GpuPrices, NodeRoom
from hydatis_placement.view import ClusterView, Fact

__all__ = ["POD_SIZES", "gpu_after", "gpu_lost", "stranded_ratio"]

Vector = NDArray[np.float32]

#: The mix of pods to come: the cluster's mean request times these, equally likely.
POD_SIZES: tuple[float, ...] = (0.5, 1.0, 2.0)
_MIB = 2.0**20
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


def gpu_lost(view: ClusterView, rows: NDArray[np.int32], pod: Pod, prices: GpuPrices) -> Vector:
    """GPU that no pod like those seen so far could use any more, if the pod were placed: ``GpuPrices.lost``, best device.

    It counts for pods without GPU too: they take CPU and memory beside idle GPU.

    Args:
        view: the state decided on.
        rows: shape (candidates,), rows of the table; the pod has room on them.
        pod: the pod to place.
        prices: of the demand seen (``GpuPrices.of``).

    Returns:
        Devices, shape (candidates,), float32, below 0 where stranded GPU becomes usable; 0 without GPU.
    """
    if view.gpu_free.shape[1] == 0:
        return np.zeros(rows.size, dtype=np.float32)
    there = view.gpu_free.take(rows, axis=0) >= 0
    devices = np.where(there, np.rint(view.gpu_free.take(rows, axis=0) * DEVICE_MILLI), 0).astype(np.int64)
    cpu_milli = view.table.column("cpu_allocatable_cores").take(rows) * 1000.0
    memory_mib = view.table.column("memory_allocatable_bytes").take(rows) / _MIB
    facts = view.facts.take(rows, axis=1)
    free_cpu, free_memory = (np.maximum(1.0 - facts[fact], 0.0) for fact in (Fact.CPU_REQUESTED, Fact.MEMORY_REQUESTED))
    whole = NodeRoom(_whole(cpu_milli), _whole(memory_mib), there.sum(axis=1) * DEVICE_MILLI)
    free = NodeRoom(_whole(cpu_milli * free_cpu), _whole(memory_mib * free_memory), devices.sum(axis=1))
    asked = pod.requests
    milli = (asked.gpu_milli_per_device or DEVICE_MILLI) if asked.gpu_count else 0
    lost = prices.lost(
        free, whole, devices, round(asked.cpu_cores * 1000), round(asked.memory_bytes / _MIB), asked.gpu_count, milli
    ).min(axis=1)
    return np.where(there.any(axis=1), lost / DEVICE_MILLI, 0.0).astype(np.float32)


def _whole(amounts: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.asarray(np.rint(amounts), dtype=np.int64)
