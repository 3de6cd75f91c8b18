"""The state that a decision is made on: the node table of one generation with its forecasts and risks.

A missing forecast or risk is a state and not a number: it is carried to the policy as a masked input. What the arithmetic uses
in its place is said here, in one table, and computed once per generation, since every decision of a tick reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache, partial

import numpy as np
from hydatis_core.errors import WrongShape
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_placement.gpu_choices import DEVICE_MILLI
from hydatis_placement.gpu_loss import GpuPrices, NodeRoom
from hydatis_placement.rooms import rooms_of

__all__ = ["FALLBACKS", "ClusterView", "Fact"]

Vector = NDArray[np.float32]

_MIB = 2.0**20


class Fact(IntEnum):
    """Lines of ``ClusterView.facts``. Loads are shares of allocatable, >= 0; where unknown, ``FALLBACKS`` says what stands in."""

    PER_CPU_CORE = 0  # 1 / allocatable cores
    PER_MEMORY_BYTE = 1  # 1 / allocatable bytes
    PER_POD = 2  # 1 / pod limit
    CPU_P50 = 3
    CPU_P95 = 4
    MEMORY_P50 = 5
    MEMORY_P95 = 6
    CPU_USED = 7  # mean of 15 minutes
    MEMORY_USED = 8
    CPU_PEAK = 9  # largest 5-minute mean of a day
    MEMORY_PEAK = 10
    CPU_REQUESTED = 11
    MEMORY_REQUESTED = 12
    POD_COUNT = 13  # share of the pod limit
    CPU_EFFECTIVE_10 = 14  # by the laws of the bound pods at scale 10, share of what the node may hold, like the next five
    CPU_EFFECTIVE_20 = 15
    CPU_EFFECTIVE_40 = 16
    MEMORY_EFFECTIVE_10 = 17
    MEMORY_EFFECTIVE_20 = 18
    MEMORY_EFFECTIVE_40 = 19
    IS_EMPTY = 20  # 1: no pod is bound
    SIZE = 21  # larger of CPU and memory over the largest node's
    RISK = 22  # 0 where unknown
    FORECAST_MISSING = 23  # 0 or 1, like the next two
    USAGE_MISSING = 24
    RISK_MISSING = 25
    GPU_PRESENT = 26
    GPU_LARGEST_FREE = 27  # share of one device, 0 without GPU
    GPU_WHOLE_FREE = 28  # share of the node's devices, 0 without GPU
    TYPICAL_CPU = 29  # the cluster's mean pod request over allocatable
    TYPICAL_MEMORY = 30


#: What stands in for an unknown load: the first of these columns that is known. All unknown: zero load, and the mask says so.
FALLBACKS: dict[Fact, tuple[str, ...]] = {
    Fact.CPU_P50: ("cpu_used_max_1h_ratio", "cpu_expected_ratio", "cpu_requested_ratio"),
    Fact.CPU_P95: ("cpu_used_max_1h_ratio", "cpu_expected_p95_ratio", "cpu_requested_ratio"),
    Fact.MEMORY_P50: ("memory_used_max_1h_ratio", "memory_expected_ratio", "memory_requested_ratio"),
    Fact.MEMORY_P95: ("memory_used_max_1h_ratio", "memory_expected_p95_ratio", "memory_requested_ratio"),
    Fact.CPU_USED: ("cpu_used_mean_15m_ratio", "cpu_expected_ratio", "cpu_requested_ratio"),
    Fact.MEMORY_USED: ("memory_used_mean_15m_ratio", "memory_expected_ratio", "memory_requested_ratio"),
    Fact.CPU_PEAK: ("cpu_used_max_24h_ratio", "cpu_expected_p95_ratio", "cpu_requested_ratio"),
    Fact.MEMORY_PEAK: ("memory_used_max_24h_ratio", "memory_expected_p95_ratio", "memory_requested_ratio"),
    **{
        Fact[f"{resource.upper()}_EFFECTIVE_{scale}"]: (
            f"{resource}_effective_{scale}_ratio",
            f"{resource}_expected_p95_ratio",
            f"{resource}_requested_ratio",
        )
        for resource in ("cpu", "memory")
        for scale in (10, 20, 40)
    },
}


@dataclass(frozen=True)
class ClusterView:
    """What is known of every node at one generation.

    Every array has one value per row of the table. Forecasts are of the maximum over the next hour, as shares of allocatable,
    >= 0, NaN unknown; they may pass 1.

    Raises:
        WrongShape: an array does not have one value per node.
    """

    table: NodeTable
    """The node table."""
    cpu_p50: Vector | None = None
    """Forecast of CPU, median. None: no forecast at all."""
    cpu_p95: Vector | None = None
    """Forecast of CPU, 95th percentile."""
    memory_p50: Vector | None = None
    """Forecast of memory, median."""
    memory_p95: Vector | None = None
    """Forecast of memory, 95th percentile."""
    risk: Vector | None = None
    """Risk 0..1, high = more anomalous, NaN unknown. None: no anomaly detector."""
    confirmed: NDArray[np.bool_] | None = None
    """Nodes whose anomaly was confirmed over several ticks. None: no anomaly detector."""

    def __post_init__(self) -> None:
        for name in ("cpu_p50", "cpu_p95", "memory_p50", "memory_p95", "risk", "confirmed"):
            array = getattr(self, name)
            if array is not None and array.shape != (self.node_count,):
                raise WrongShape(f"shape {array.shape}", field=name, expected=f"one value per node: ({self.node_count},)")

    @property
    def node_count(self) -> int:
        """Rows of the table."""
        return len(self.table.node_names)

    @property
    def has_forecast(self) -> bool:
        """Whether forecasts of CPU and of memory are here."""
        return all(array is not None for array in (self.cpu_p50, self.cpu_p95, self.memory_p50, self.memory_p95))

    @cached_property
    def facts(self) -> NDArray[np.float32]:
        """shape (facts, nodes), float32, finite: lines as in ``Fact``. Computed once; every decision gathers its rows from it."""
        lines = np.stack([_MAKERS[fact](self) for fact in Fact])
        return np.ascontiguousarray(np.nan_to_num(lines, nan=0.0, posinf=0.0, neginf=0.0), dtype=np.float32)

    @cached_property
    def rooms(self) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """What nodes may hold: the different rooms, shape (rooms, 2), cores and bytes, and which of them each node has.

        A cluster has few shapes of node, and a pod's load is computed once for each instead of once for each node.
        """
        rooms, which = np.unique(rooms_of(self.table), axis=0, return_inverse=True)
        return rooms, which.reshape(-1)

    @cached_property
    def typical_requests(self) -> tuple[float, float]:
        """Mean request of the bound pods, (cores, bytes); (0, 0) when no pod is bound. The yardstick of fragmentation."""
        table = self.table
        pods = float(np.nansum(table.column("pod_count")))
        if pods <= 0:
            return 0.0, 0.0
        cpu_cores = table.column("cpu_requested_ratio").astype(np.float64) * table.column("cpu_allocatable_cores")
        memory_bytes = table.column("memory_requested_ratio").astype(np.float64) * table.column("memory_allocatable_bytes")
        return float(np.nansum(cpu_cores)) / pods, float(np.nansum(memory_bytes)) / pods

    @cached_property
    def gpu_free(self) -> NDArray[np.float32]:
        """Free share of each GPU device, shape (nodes, most devices of a node), 0..1; -1: no such device. Width 0 without GPU."""
        gpus = self.table.gpus
        free = np.full((self.node_count, max((len(devices) for devices in gpus.values()), default=0)), -1.0, dtype=np.float32)
        for row, devices in gpus.items():
            free[row, : len(devices)] = [device.free_milli / 1000.0 for device in devices]
        return free

    @cached_property
    def gpu_milli_free(self) -> NDArray[np.int64]:
        """The same in thousandths of a device; 0 where there is no such device."""
        return np.asarray(np.rint(np.maximum(self.gpu_free, 0.0) * DEVICE_MILLI), dtype=np.int64)

    @cached_property
    def gpu_room(self) -> NodeRoom:
        """What nodes have in all, for the loss of GPU."""
        cpu_milli, memory_mib = (
            np.rint(np.nan_to_num(self.table.column(name).astype(np.float64)) * scale).astype(np.int64)
            for name, scale in (("cpu_allocatable_cores", 1000.0), ("memory_allocatable_bytes", 1.0 / _MIB))
        )
        return NodeRoom(cpu_milli, memory_mib, (self.gpu_free >= 0).sum(axis=1) * DEVICE_MILLI)

    @cached_property
    def gpu_prices(self) -> GpuPrices:
        """Prices of free GPU for the demand that the table tells of; without GPU nodes nobody asks for them."""
        return _prices(self.table.gpu_demand)

    def prepare(self) -> None:
        """Computes now what every decision reads, so that none waits for it."""
        _ = self.facts, self.rooms, self.gpu_free, self.table.row_by_name
        if self.gpu_free.shape[1]:
            _ = self.gpu_milli_free, self.gpu_room, self.gpu_prices


#: Tables tell of the same demand for many ticks.
_prices = lru_cache(maxsize=4)(GpuPrices.of)


def _known(view: ClusterView, fact: Fact, forecast: Vector | None = None) -> Vector:
    """The forecast where there is one, else the first known of the fallbacks; never below zero."""
    value = np.full(view.node_count, np.nan, dtype=np.float32) if forecast is None else forecast
    for name in FALLBACKS[fact]:
        if not np.isnan(value).any():
            break
        value = np.where(np.isnan(value), view.table.column(name), value)
    return np.maximum(value, np.float32(0.0))


def _missing(view: ClusterView, *arrays: Vector | None) -> Vector:
    """1 where any of the arrays is unknown, else 0."""
    missing = np.zeros(view.node_count, dtype=np.float32)
    for array in arrays:
        missing[np.isnan(array) if array is not None else slice(None)] = 1.0
    return missing


def _per(view: ClusterView, amount: float, column: str) -> Vector:
    """An amount over what each node has of it; 0 for nodes that have none."""
    has = view.table.column(column)
    result: Vector = np.divide(np.float32(amount), has, out=np.zeros_like(has), where=has > 0)
    return result


def _size(view: ClusterView) -> Vector:
    cpu = view.table.column("cpu_allocatable_cores")
    memory = view.table.column("memory_allocatable_bytes")
    larger: Vector = np.maximum(cpu / cpu.max(initial=1e-9), memory / memory.max(initial=1e-9))
    return larger


_MAKERS: dict[Fact, Callable[[ClusterView], Vector]] = {
    Fact.PER_CPU_CORE: lambda v: _per(v, 1.0, "cpu_allocatable_cores"),
    Fact.PER_MEMORY_BYTE: lambda v: _per(v, 1.0, "memory_allocatable_bytes"),
    Fact.PER_POD: lambda v: _per(v, 1.0, "pod_limit_count"),
    Fact.CPU_P50: lambda v: _known(v, Fact.CPU_P50, v.cpu_p50),
    Fact.CPU_P95: lambda v: _known(v, Fact.CPU_P95, v.cpu_p95),
    Fact.MEMORY_P50: lambda v: _known(v, Fact.MEMORY_P50, v.memory_p50),
    Fact.MEMORY_P95: lambda v: _known(v, Fact.MEMORY_P95, v.memory_p95),
    Fact.CPU_USED: lambda v: _known(v, Fact.CPU_USED),
    Fact.MEMORY_USED: lambda v: _known(v, Fact.MEMORY_USED),
    Fact.CPU_PEAK: lambda v: _known(v, Fact.CPU_PEAK),
    Fact.MEMORY_PEAK: lambda v: _known(v, Fact.MEMORY_PEAK),
    Fact.CPU_REQUESTED: lambda v: v.table.column("cpu_requested_ratio"),
    Fact.MEMORY_REQUESTED: lambda v: v.table.column("memory_requested_ratio"),
    Fact.POD_COUNT: lambda v: v.table.column("pod_count_ratio"),
    **{fact: partial(_known, fact=fact) for fact in FALLBACKS if "_EFFECTIVE_" in fact.name},
    Fact.IS_EMPTY: lambda v: (v.table.column("pod_count") == 0).astype(np.float32),
    Fact.SIZE: _size,
    Fact.RISK: lambda v: np.zeros(v.node_count, dtype=np.float32) if v.risk is None else v.risk,
    Fact.FORECAST_MISSING: lambda v: _missing(v, v.cpu_p50, v.cpu_p95, v.memory_p50, v.memory_p95),
    Fact.USAGE_MISSING: lambda v: _missing(
        v, v.table.column("cpu_used_mean_15m_ratio"), v.table.column("memory_used_mean_15m_ratio")
    ),
    Fact.RISK_MISSING: lambda v: _missing(v, v.risk),
    Fact.GPU_PRESENT: lambda v: (v.table.column("gpu_device_count") > 0).astype(np.float32),
    Fact.GPU_LARGEST_FREE: lambda v: v.table.column("gpu_largest_free_ratio"),
    Fact.GPU_WHOLE_FREE: lambda v: v.table.column("gpu_whole_free_count") * _per(v, 1.0, "gpu_device_count"),
    Fact.TYPICAL_CPU: lambda v: _per(v, v.typical_requests[0], "cpu_allocatable_cores"),
    Fact.TYPICAL_MEMORY: lambda v: _per(v, v.typical_requests[1], "memory_allocatable_bytes"),
}
