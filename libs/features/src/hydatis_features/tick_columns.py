"""All columns of one tick, put together from the transforms.

Each transform knows one topic; here stands which windows each of them gets. The names that come out are exactly the schema's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hydatis_features.calendar_transforms import calendar_columns
from hydatis_features.cluster_state import ClusterState
from hydatis_features.commitment_transforms import commitment_columns
from hydatis_features.freshness_transforms import daily_coverage_columns, freshness_columns
from hydatis_features.io_transforms import io_columns
from hydatis_features.usage import METRICS
from hydatis_features.usage_transforms import daily_use_columns, last_whole_bin_seconds, recent_use_columns
from hydatis_features.window import Window
from hydatis_features.windows import FINE_SECONDS, NodeWindows

__all__ = ["DailyColumns", "tick_columns"]

Columns = dict[str, NDArray[np.floating[Any]]]


class DailyColumns:
    """The columns made of 5-minute means, kept until a bin closes or leaves: most ticks change none of them."""

    def __init__(self) -> None:
        self._key: tuple[int, float] | None = None
        self._columns: Columns = {}

    def columns(self, windows: NodeWindows, allocatable: dict[str, NDArray[np.float32]], now_seconds: float) -> Columns:
        """The columns at a tick.

        Args:
            windows: of one engine, the same at each call.
            allocatable: shape (nodes,) of each resource; may change only when ``windows.bins_version`` does.
            now_seconds: the tick's time.
        """
        now = last_whole_bin_seconds(now_seconds)
        if self._key != (windows.bins_version, now):
            values, times = windows.bins.between(-np.inf, now)
            cpu, memory = (Window(values[i] / allocatable[name], times) for i, name in enumerate(("cpu", "memory")))
            self._columns = {
                **daily_use_columns("cpu", cpu, now),
                **daily_use_columns("memory", memory, now),
                **daily_coverage_columns(cpu, memory, now),
            }
            self._key = (windows.bins_version, now)
        return self._columns


def tick_columns(
    *,
    windows: NodeWindows,
    daily: DailyColumns,
    state: ClusterState,
    expected: NDArray[np.float64],
    effective: NDArray[np.float64],
    capacity: dict[str, NDArray[np.float64]],
    first_seen_seconds: NDArray[np.float64],
    now_seconds: float,
) -> dict[str, NDArray[np.floating[Any]] | float]:
    """Every column of the schema by its name, each of shape (nodes,), or one number for all nodes.

    Args:
        windows: samples of the nodes.
        daily: the kept columns of the same engine.
        state: who is bound where.
        expected: shape (nodes, 4), expected use of the bound pods.
        effective: shape (nodes, 2, scales), what the bound pods load their nodes by.
        capacity: ``capacity_columns`` of the nodes.
        first_seen_seconds: shape (nodes,), tick at which each node was first seen.
        now_seconds: the tick's time.
    """
    allocatable = {
        "cpu": capacity["cpu_allocatable_cores"].astype(np.float32),
        "memory": capacity["memory_allocatable_bytes"].astype(np.float32),
    }
    values, times = windows.fine.between(now_seconds - FINE_SECONDS, now_seconds)
    commitments = commitment_columns(state, expected, effective, capacity, first_seen_seconds, now_seconds)
    use = {
        resource: Window(values[METRICS.index(metric)] / allocatable[resource], times)
        for resource, metric in (("cpu", "cpu_used_cores"), ("memory", "memory_used_bytes"))
    }
    columns: dict[str, NDArray[np.floating[Any]] | float] = {**capacity, **commitments, **calendar_columns(now_seconds)}
    for resource, window in use.items():
        requested = commitments[f"{resource}_requested_ratio"].astype(np.float32)
        columns |= recent_use_columns(resource, window, requested, now_seconds, windows.tick_seconds)
    for position, metric in enumerate(METRICS):
        if metric.endswith("_bytes_per_second"):
            columns |= io_columns(metric, Window(values[position], times), now_seconds)
    columns |= freshness_columns(windows, use["cpu"], use["memory"], now_seconds)
    columns |= daily.columns(windows, allocatable, now_seconds)
    return columns
