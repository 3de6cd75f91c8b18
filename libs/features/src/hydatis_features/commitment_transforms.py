"""Columns of what a node has and what its pods hold of it: capacity, requests, limits, GPU shares, expected use, loads.

They come from events, not from measurements, so they are always known and show a new pod at once, long before a window of
measurements does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.nodes import Node
from numpy.typing import NDArray

from hydatis_features.cluster_state import AMOUNTS, ClusterState
from hydatis_features.use_law import ROOM_RATIOS, SCALES, loads

__all__ = ["capacity_columns", "commitment_columns", "expected_sums", "load_sums"]

OLDEST_SECONDS = 30 * DAY_SECONDS
Columns = dict[str, NDArray[np.float64]]


def capacity_columns(nodes: Sequence[Node]) -> Columns:
    """What nodes can give; it changes only with the nodes.

    Args:
        nodes: in row order.
    """
    return {
        "cpu_allocatable_cores": np.array([node.allocatable.cpu_cores for node in nodes]),
        "memory_allocatable_bytes": np.array([node.allocatable.memory_bytes for node in nodes]),
        "pod_limit_count": np.array([float(node.pod_limit_count) for node in nodes]),
        "gpu_device_count": np.array([float(len(node.gpu_devices)) for node in nodes]),
    }


def commitment_columns(
    state: ClusterState,
    expected: NDArray[np.float64],
    effective: NDArray[np.float64],
    capacity: Columns,
    first_seen_seconds: NDArray[np.float64],
    now_seconds: float,
) -> Columns:
    """What the bound pods hold and are expected to use.

    Args:
        state: who is bound where.
        expected: shape (nodes, 4), ``expected_sums`` of the bound pods.
        effective: shape (nodes, 2, scales), ``load_sums`` of the bound pods.
        capacity: what ``capacity_columns`` gave.
        first_seen_seconds: shape (nodes,), tick at which each node was first seen.
        now_seconds: the tick's time.
    """
    sums = dict(zip(AMOUNTS, state.sums().T, strict=True))
    cpu, memory = capacity["cpu_allocatable_cores"], capacity["memory_allocatable_bytes"]
    pods = state.pod_counts().astype(np.float64)
    return {
        "node_age_seconds": np.clip(now_seconds - first_seen_seconds, 0, OLDEST_SECONDS),
        "cpu_requested_ratio": sums["cpu_requested_cores"] / cpu,
        "memory_requested_ratio": sums["memory_requested_bytes"] / memory,
        "cpu_limit_ratio": sums["cpu_limit_cores"] / cpu,
        "memory_limit_ratio": sums["memory_limit_bytes"] / memory,
        "gpu_requested_ratio": _share(sums["gpu_requested_devices"], capacity["gpu_device_count"]),
        "gpu_largest_free_ratio": state.gpus.largest_free_ratio(),
        "gpu_whole_free_count": state.gpus.whole_free_count(),
        "pod_count": pods,
        "pod_count_ratio": _share(pods, capacity["pod_limit_count"]),
        "pods_started_15m_count": state.started.counts(now_seconds, len(pods)).astype(np.float64),
        "pods_ended_15m_count": state.stopped.counts(now_seconds, len(pods)).astype(np.float64),
        "cpu_expected_ratio": expected[:, 0] / cpu,
        "cpu_expected_p95_ratio": expected[:, 1] / cpu,
        "memory_expected_ratio": expected[:, 2] / memory,
        "memory_expected_p95_ratio": expected[:, 3] / memory,
        **{
            f"{resource}_effective_{scale:g}_ratio": effective[:, i, position]
            for i, resource in enumerate(("cpu", "memory"))
            for position, scale in enumerate(SCALES)
        },
    }


def expected_sums(node_rows: NDArray[np.intp], expected: NDArray[np.float64], node_count: int) -> NDArray[np.float64]:
    """Expected use of the pods of each node, in whole micro-cores and bytes, whose sum is exact in any order.

    Args:
        node_rows: shape (m,), row of each pod's node.
        expected: shape (m, 4), ``ProfileBook.expect_enrolled``.
        node_count: how many nodes.

    Returns:
        shape (node_count, 4): cpu_p50_cores, cpu_p95_cores, memory_p50_bytes, memory_p95_bytes.
    """
    return _exact_sums(node_rows, expected, np.array([1e-6, 1e-6, 1.0, 1.0]), node_count)


def load_sums(
    node_rows: NDArray[np.intp], laws: NDArray[np.float64], bases: NDArray[np.float64], capacity: Columns
) -> NDArray[np.float64]:
    """What the pods of each node load it by, in whole billionths (2^-30) of what it may hold.

    Args:
        node_rows: shape (m,), row of each pod's node.
        laws: shape (m, 2, tail weights), ``ProfileBook.laws_enrolled``.
        bases: shape (m, 2), ``EnrolledPods.base_amounts``.
        capacity: what ``capacity_columns`` gave.

    Returns:
        shape (nodes, 2, scales): sums of ``use_law.loads``, >= 0, may pass 1.
    """
    rooms = np.stack([capacity["cpu_allocatable_cores"], capacity["memory_allocatable_bytes"]], axis=1) * ROOM_RATIOS
    each = loads(laws, bases, rooms[node_rows])
    sums = _exact_sums(node_rows, each.reshape(len(each), 2 * SCALES.size), np.array(2.0**-30), len(rooms))
    return sums.reshape(len(rooms), 2, SCALES.size)


def _exact_sums(
    node_rows: NDArray[np.intp], amounts: NDArray[np.float64], unit: NDArray[np.float64], node_count: int
) -> NDArray[np.float64]:
    """Sum of each column by node in whole units, of which float64 adds 2^53 exactly, in any order."""
    units = np.rint(np.minimum(amounts / unit, 2.0**50))
    sums = [np.bincount(node_rows, column, minlength=node_count) for column in units.T]
    return np.asarray(np.stack(sums, axis=1) * unit)


def _share(amount: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotient, NaN where there is no whole."""
    return np.asarray(np.divide(amount, whole, out=np.full(len(whole), np.nan), where=whole > 0))
