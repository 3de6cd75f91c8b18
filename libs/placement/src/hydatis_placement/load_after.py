"""Expected load of a node once the pod and all credited pods are on it.

The filter, the greedy rung, the load rung and the learned policy all start from these sums, so they stand in one place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.request_classes import base_amounts
from hydatis_features.use_law import COLD_LAW, SCALES, loads
from numpy.typing import NDArray

from hydatis_placement.credits import CREDIT_COLUMNS, Credits
from hydatis_placement.view import ClusterView, Fact

__all__ = ["LARGEST_LOAD", "LoadAfter", "PeaksAfter", "load_after", "peaks_after"]

Vector = NDArray[np.float32]

#: Loads are cut here, so that an absurd request on a small node stays a number that can be squared.
LARGEST_LOAD = 1000.0

# Which base and which extra make each field of LoadAfter, in order; and what turns each extra into a share.
_FIELDS: tuple[tuple[Fact, int], ...] = (
    (Fact.CPU_P50, 0),
    (Fact.CPU_P95, 1),
    (Fact.MEMORY_P50, 2),
    (Fact.MEMORY_P95, 3),
    (Fact.CPU_USED, 0),
    (Fact.MEMORY_USED, 2),
    (Fact.CPU_PEAK, 1),
    (Fact.MEMORY_PEAK, 3),
    (Fact.CPU_REQUESTED, 4),
    (Fact.MEMORY_REQUESTED, 5),
    (Fact.POD_COUNT, 6),
)
_EFFECTIVE = slice(int(Fact.CPU_EFFECTIVE_10), int(Fact.MEMORY_EFFECTIVE_40) + 1)
_EFFECTIVE_CREDIT = CREDIT_COLUMNS.index("cpu_effective_10_ratio")
_BASE = np.array([int(base) for base, _ in _FIELDS])
_EXTRA = np.array([extra for _, extra in _FIELDS])
_CORE, _BYTE = int(Fact.PER_CPU_CORE), int(Fact.PER_MEMORY_BYTE)
_PER = np.array([_CORE, _CORE, _BYTE, _BYTE, _CORE, _BYTE, int(Fact.PER_POD)])


class LoadAfter(NamedTuple):
    """Loads after placement, each shape (candidates,), float32, share of allocatable, 0..1000; may pass 1.

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
    cpu_peak: Vector
    """CPU: largest 5-minute mean of a day, with the 95th percentiles of what is not measured yet."""
    memory_peak: Vector
    """The same for memory."""
    cpu_requested: Vector
    """CPU requests."""
    memory_requested: Vector
    """Memory requests."""
    pod_count: Vector
    """Pods, share of the pod limit."""
    opened: Vector
    """1: the node has no pod, bound or credited, and this would be its first; else 0."""
    effective: NDArray[np.float32]
    """shape (2, scales, candidates), CPU and memory: load by the laws of use of bound pods, credit and the pod, as
    ``overload_bound`` takes it, share of what the node may hold."""


class PeaksAfter(NamedTuple):
    """The two loads that the filter asks for, as in ``LoadAfter``."""

    cpu_p95: Vector
    memory_p95: Vector


def load_after(view: ClusterView, rows: NDArray[np.int32], pod: Pod, expected_use: ExpectedUse, credits: Credits) -> LoadAfter:
    """Loads of candidate nodes after placement.

    Args:
        view: the state decided on.
        rows: shape (candidates,), int32, rows of the table without repeats (the caller has checked them).
        pod: the pod to place.
        expected_use: what it is expected to use.
        credits: what is not measured yet, for the same table.
    """
    facts = view.facts[: Fact.IS_EMPTY + 1].take(rows, axis=1)
    credited = credits.at(rows, view.node_count)
    extra, effective = credited[:_EFFECTIVE_CREDIT], credited[_EFFECTIVE_CREDIT:]
    effective += facts[_EFFECTIVE]
    effective += _pod_loads(view, rows, pod, expected_use)
    np.minimum(effective, np.float32(LARGEST_LOAD), out=effective)
    # Credits and pod in shares of allocatable: CPU and memory at p50 and p95, requests, pods.
    extra += np.array(
        [
            expected_use.cpu_p50_cores,
            expected_use.cpu_p95_cores,
            expected_use.memory_p50_bytes,
            expected_use.memory_p95_bytes,
            pod.requests.cpu_cores,
            pod.requests.memory_bytes,
            1.0,
        ],
        dtype=np.float32,
    )[:, None]
    first = extra[6] < 1.5
    extra *= facts[_PER]
    lines = facts[_BASE] + extra[_EXTRA]
    np.minimum(lines, np.float32(LARGEST_LOAD), out=lines)
    return LoadAfter._make((*lines, facts[Fact.IS_EMPTY] * first, effective.reshape(2, SCALES.size, rows.size)))


def _pod_loads(view: ClusterView, rows: NDArray[np.int32], pod: Pod, expected_use: ExpectedUse) -> NDArray[np.float32]:
    """What the pod itself would load each candidate by, shape (2 x scales, candidates)."""
    rooms, which = view.rooms
    law = np.reshape(expected_use.effective_use_ratio, (1, *COLD_LAW.shape))
    by_room = loads(law, np.array([base_amounts(pod)]), rooms).reshape(len(rooms), -1)
    return np.ascontiguousarray(by_room.T, dtype=np.float32).take(which.take(rows), axis=1)


def peaks_after(view: ClusterView, rows: NDArray[np.int32], expected_use: ExpectedUse, credits: Credits) -> PeaksAfter:
    """The 95th percentiles alone, equal to those of ``load_after`` to the bit: a decision on the full rung needs no more here.

    Args as ``load_after``.
    """
    credited = credits.at(rows, view.node_count)
    peaks = []
    for base, per, column, use in (
        (Fact.CPU_P95, Fact.PER_CPU_CORE, 1, expected_use.cpu_p95_cores),
        (Fact.MEMORY_P95, Fact.PER_MEMORY_BYTE, 3, expected_use.memory_p95_bytes),
    ):
        peak = view.facts[base].take(rows) + (credited[column] + np.float32(use)) * view.facts[per].take(rows)
        peaks.append(np.minimum(peak, np.float32(LARGEST_LOAD), out=peak))
    return PeaksAfter._make(peaks)
