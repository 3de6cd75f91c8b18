"""Rules of the PlanetLab trace: days of 288 samples of CPU use, whole percent."""

from __future__ import annotations

from hydatis_lifecycle.quality.rules import ColumnRule, SeriesRule, TableRules

from hydatis_pipelines.raw_quality.units import unit_of

__all__ = ["TABLES"]

TABLES = (
    TableRules(
        "planetlab",
        "cpu_usage.parquet",
        (
            ColumnRule("date_yyyymmdd", "integer", low=20_000_101, high=20_991_231),
            ColumnRule("vm_name", "text"),
            ColumnRule("step_5min", "integer", low=0, high=287),
            ColumnRule("cpu_usage_pct", "integer", low=0, high=100),
        ),
        series=SeriesRule(("date_yyyymmdd", "vm_name"), "step_5min", 1.0),
        units=(unit_of("cpu_usage_pct", "percent", 1.0, 100.0, {"thousandths": 0.1}, statistic="max"),),
    ),
)
