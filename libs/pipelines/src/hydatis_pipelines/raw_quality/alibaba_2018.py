"""Rules of the Alibaba trace of 2018: machines, a sample a minute or so; counters of memory are mostly absent."""

from __future__ import annotations

from hydatis_lifecycle.quality.rules import ColumnRule, RowRule, SeriesRule, TableRules, UnitRule
from numpy import diff, float64, where

from hydatis_pipelines.raw_quality.units import unit_of

__all__ = ["TABLES"]

#: What the publishers write where they know that a value is wrong.
_ABNORMAL = (-1, 101)

TABLES = (
    TableRules(
        "alibaba_2018",
        "machine_usage.parquet",
        (
            ColumnRule("machine_id", "text"),
            ColumnRule("timestamp_s", "integer", low=0),
            ColumnRule("cpu_util_pct", "integer", low=0, high=100),
            ColumnRule("mem_util_pct", "integer", low=0, high=100),
            ColumnRule("mem_bandwidth_norm0_100", low=0, high=100, nullable=True),
            ColumnRule("cache_miss_per_1k_instr", low=0, nullable=True),
            ColumnRule("net_in_norm0_100", low=0, high=100),
            ColumnRule("net_out_norm0_100", low=0, high=100),
            ColumnRule("disk_io_pct", low=0, high=100),
        ),
        (
            RowRule(
                "marked_abnormal",
                "accuracy",
                ("disk_io_pct",),
                "the publishers marked the value as abnormal: -1 or 101, which the range finds, too",
                lambda batch: (batch["disk_io_pct"] == _ABNORMAL[0]) | (batch["disk_io_pct"] == _ABNORMAL[1]),
                scored=False,
            ),
            RowRule(
                "counters_absent",
                "completeness",
                ("mem_bandwidth_norm0_100", "cache_miss_per_1k_instr"),
                "bandwidth of memory and cache misses are unknown; no model needs them",
                lambda batch: batch["mem_bandwidth_norm0_100"] != batch["mem_bandwidth_norm0_100"],
                scored=False,
            ),
        ),
        SeriesRule(("machine_id",), "timestamp_s", 300.0),
        (
            unit_of("cpu_util_pct", "percent", 1.0, 100.0, {"thousandths": 0.1}, statistic="max"),
            UnitRule(
                "timestamp_s",
                "seconds",
                lambda batch: where(diff(batch["timestamp_s"]) > 0, diff(batch["timestamp_s"].astype(float64)), float("nan")),
                1.0,
                600.0,
                {"milliseconds": 1e-3, "microseconds": 1e-6},
            ),
        ),
    ),
)
