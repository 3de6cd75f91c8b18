"""Expected load of a node once the pod and all credited pods are on it.

The filter, the greedy rung, the load rung and the learned policy all start from these sums, so they stand in one place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from numpy.typing import NDArray

from hydatis_placement.credits import Credits
from hydatis_placement.view import ClusterView, Fact

__all__ = ["LoadAfter", "load_after"]

Vector = NDArray[np.float32]


class LoadAfter(NamedTuple):
    """Loads after placement, each shape (candidates,), float32, share of allocatable, >= 0, finite; may pass 1.

    Forecasts: load = forecast + (credit + pod) / allocatable, median to median and 95th percentile to 95th percentile. The sum of
    95th percentiles is what all of them at once would need: an upper bound unless they rise and fall together.
    Measured: mean of the last 15 minutes + (credit + pod's median) / allocatable, since credits decay as that window fills.
    """

    cpu_p50: Vector
    """CPU, median of the maximum over the next hour."""
    cpu_p95: Vector
    """CPU, 95th percentile of it."""
    memory_p50: Vector
    """Memory, median of the maximum over the next hour."""
    memory_p95: Vector
    """Memory, 95th percentile of it."""
    cpu_used: Vector
    """CPU as measured, with what is not measured yet."""
    memory_used: Vector
    """Memory as measured, with what is not measured yet."""
    cpu_requested: Vector
    """CPU requests."""
    memory_requested: Vector
    """Memory requests."""
    pod_count: Vector
    """Pods, share of the pod limit."""


def load_after(view: ClusterView, rows: NDArray[np.int32], pod: Pod, expected_use: ExpectedUse, credits: Credits) -> LoadAfter:
    """Loads of candidate nodes after placement.

    Args:
        view: the state decided on.
        rows: shape (candidates,), int32, rows of the table without repeats (the caller has checked them).
        pod: the pod to place.
        expected_use: what it is expected to use.
        credits: what is not measured yet, for the same table.
    """
    facts = view.facts[: Fact.POD_COUNT + 1].take(rows, axis=1)
    cpu_p50, cpu_p95, memory_p50, memory_p95, cpu_requested, memory_requested, pod_count = credits.at(rows, view.node_count)
    per_core, per_byte, per_pod = facts[Fact.PER_CPU_CORE], facts[Fact.PER_MEMORY_BYTE], facts[Fact.PER_POD]
    cpu_p50 = (cpu_p50 + np.float32(expected_use.cpu_p50_cores)) * per_core
    memory_p50 = (memory_p50 + np.float32(expected_use.memory_p50_bytes)) * per_byte
    return LoadAfter(
        cpu_p50=facts[Fact.CPU_P50] + cpu_p50,
        cpu_p95=facts[Fact.CPU_P95] + (cpu_p95 + np.float32(expected_use.cpu_p95_cores)) * per_core,
        memory_p50=facts[Fact.MEMORY_P50] + memory_p50,
        memory_p95=facts[Fact.MEMORY_P95] + (memory_p95 + np.float32(expected_use.memory_p95_bytes)) * per_byte,
        cpu_used=facts[Fact.CPU_USED] + cpu_p50,
        memory_used=facts[Fact.MEMORY_USED] + memory_p50,
        cpu_requested=facts[Fact.CPU_REQUESTED] + (cpu_requested + np.float32(pod.requests.cpu_cores)) * per_core,
        memory_requested=facts[Fact.MEMORY_REQUESTED] + (memory_requested + np.float32(pod.requests.memory_bytes)) * per_byte,
        pod_count=facts[Fact.POD_COUNT] + (pod_count + np.float32(1.0)) * per_pod,
    )
