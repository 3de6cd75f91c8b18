"""Rules of the Bitbrains trace: virtual machines, a sample every five minutes for three months.

A machine that is off is known to be off: that its capacity is 0 is counted and costs nothing. Use *of* a capacity of 0 does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hydatis_lifecycle.quality.rules import ColumnRule, Columns, RowRule, SeriesRule, TableRules, UnitRule
from numpy.typing import NDArray

from hydatis_pipelines.raw_quality.units import GREATER_UNITS, unit_of, unix_seconds

__all__ = ["TABLES"]

#: Of the capacity; the trace rounds percentages and means of both to six digits.
_AGREES_RATIO = 0.01
_RATES = ("disk_read_kib_per_s", "disk_write_kib_per_s", "net_received_kib_per_s", "net_transmitted_kib_per_s")


def _percent_by_megahertz(batch: Columns) -> NDArray[np.floating[Any]]:
    """Percentage over what megahertz make it; NaN where nothing is used."""
    told = np.where(batch["cpu_usage_pct"] > 0, batch["cpu_usage_pct"], np.nan)
    ratio: NDArray[np.floating[Any]] = told * batch["cpu_capacity_mhz"] / (100 * batch["cpu_usage_mhz"])
    return ratio


def _disagrees(batch: Columns) -> NDArray[np.bool_]:
    capacity = batch["cpu_capacity_mhz"].astype(np.float64)
    wrong = np.abs(batch["cpu_usage_mhz"] - capacity * batch["cpu_usage_pct"] / 100) > _AGREES_RATIO * capacity
    return wrong & (capacity > 0)


ROWS = (
    RowRule(
        "capacity_zero",
        "completeness",
        ("cpu_capacity_mhz",),
        "the capacity is 0: the machine is off or absent, and has no utilisation",
        lambda batch: batch["cpu_capacity_mhz"] == 0,
        scored=False,
    ),
    RowRule(
        "use_without_capacity",
        "consistency",
        ("cpu_capacity_mhz", "cpu_usage_mhz", "cpu_usage_pct"),
        "CPU is used of a capacity of 0",
        lambda batch: (batch["cpu_capacity_mhz"] == 0) & ((batch["cpu_usage_mhz"] > 0) | (batch["cpu_usage_pct"] > 0)),
    ),
    RowRule(
        "half_off",
        "consistency",
        ("cpu_capacity_mhz", "memory_capacity_kib"),
        "one of the capacities of CPU and memory is 0 and the other is not",
        lambda batch: (batch["cpu_capacity_mhz"] == 0) != (batch["memory_capacity_kib"] == 0),
    ),
    RowRule(
        "megahertz_and_percent",
        "consistency",
        ("cpu_capacity_mhz", "cpu_usage_mhz", "cpu_usage_pct"),
        "used MHz are not the percentage of the capacity",
        _disagrees,
    ),
    RowRule(
        "memory_above_capacity",
        "accuracy",
        ("memory_usage_kib", "memory_capacity_kib"),
        "more memory is used than there is",
        lambda batch: batch["memory_usage_kib"] > batch["memory_capacity_kib"],
    ),
)

TABLES = (
    TableRules(
        "bitbrains",
        "rnd_*.parquet",
        (
            ColumnRule("vm_id", "integer", low=0),
            ColumnRule("timestamp_s", "integer"),
            ColumnRule("cpu_cores", "integer", low=0, high=1024),
            ColumnRule("cpu_capacity_mhz", low=0),
            ColumnRule("cpu_usage_mhz", low=0),
            ColumnRule("cpu_usage_pct", low=0, high=100),
            ColumnRule("memory_capacity_kib", low=0),
            ColumnRule("memory_usage_kib", low=0),
            *(ColumnRule(name, low=0) for name in _RATES),
        ),
        ROWS,
        SeriesRule(("vm_id",), "timestamp_s", 300.0, unix=True),
        (
            unix_seconds("timestamp_s"),
            UnitRule(
                "cpu_usage_pct",
                "percent, as the megahertz say",
                _percent_by_megahertz,
                0.5,
                2.0,
                {"a ratio (0..1)": 100.0, "thousandths": 0.1},
            ),
            UnitRule(
                "cpu_capacity_mhz",
                "MHz of all cores",
                lambda batch: np.where(batch["cpu_cores"] > 0, batch["cpu_capacity_mhz"] / batch["cpu_cores"], np.nan),
                500.0,
                8000.0,
                {"GHz": 1e3, "kHz": 1e-3, "Hz": 1e-6},
            ),
            unit_of("memory_capacity_kib", "KiB", 2.0**14, 2.0**31, GREATER_UNITS, known=True),
        ),
    ),
)
