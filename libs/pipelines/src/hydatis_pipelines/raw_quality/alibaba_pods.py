"""Rules of two later Alibaba traces: requests and lives of pods (dlrm 2025), use of memory and GPUs by pods (genai 2026)."""

from __future__ import annotations

import numpy as np
from hydatis_lifecycle.quality.rules import ColumnRule, Columns, RowRule, SeriesRule, TableRules
from numpy.typing import NDArray

from hydatis_pipelines.raw_quality.units import unit_of

__all__ = ["DLRM_TABLES", "GENAI_TABLES"]

#: Resources of which requests and limits are told.
_ASKED = ("cpu_{}_cores", "gpu_{}_count", "rdma_{}_pct", "memory_{}_gib", "disk_{}_gib")
_TIMES = ("creation_time_s", "scheduled_time_s", "deletion_time_s")


def _above_limit(batch: Columns) -> NDArray[np.bool_]:
    above = np.zeros(len(batch["role"]), dtype=np.bool_)
    for name in _ASKED:
        above |= batch[name.format("request")] > batch[name.format("limit")]
    return above


def _disordered_life(batch: Columns) -> NDArray[np.bool_]:
    created, scheduled, deleted = (batch[name] for name in _TIMES)
    wrong: NDArray[np.bool_] = (scheduled < created) | (deleted < scheduled) | (deleted < created)
    return wrong


def _unknown_of(column: str, text: str) -> RowRule:
    return RowRule(
        f"{column.removesuffix('_time_s')}_outside",
        "completeness",
        (column,),
        text,
        lambda batch: np.isnan(batch[column].astype(np.float64)),
        scored=False,
    )


DLRM_TABLES = (
    TableRules(
        "alibaba_dlrm_2025",
        "instances.parquet",
        (
            *(ColumnRule(name, "text") for name in ("instance_sn", "role", "app_name")),
            *(ColumnRule(name.format(kind), low=0) for name in _ASKED for kind in ("request", "limit")),
            ColumnRule("max_instance_per_node", "integer", low=-1),
            *(ColumnRule(name, low=0, nullable=True) for name in _TIMES),
        ),
        (
            _unknown_of("creation_time_s", "the pod was created before the trace begins"),
            _unknown_of("deletion_time_s", "the pod was alive when the trace ended"),
            RowRule(
                "request_above_limit",
                "consistency",
                tuple(name.format("request") for name in _ASKED),
                "more is asked for than the limit allows",
                _above_limit,
            ),
            RowRule(
                "disordered_life", "consistency", _TIMES, "the pod was deleted or scheduled before it was there", _disordered_life
            ),
        ),
        SeriesRule(("instance_sn",)),
        (unit_of("memory_request_gib", "GiB", 0.25, 16_384.0, {"MiB": 1 / 1024, "bytes": 2.0**-30}),),
    ),
)


def _measure(column: str, high: float, unit: str, low: float, mistaken: dict[str, float]) -> TableRules:
    return TableRules(
        f"genai_{column}",
        f"{column}.parquet",
        (ColumnRule("pod_id", "text"), ColumnRule("timestamp_s", "integer", low=0), ColumnRule(column, low=0, high=high)),
        series=SeriesRule(("pod_id",), "timestamp_s", 57.0),
        units=(unit_of(column, unit, low, high, mistaken, statistic="max"),),
    )


GENAI_TABLES = (
    _measure("memory_util_frac", 1.0, "a ratio (0..1)", 0.01, {"percent": 0.01}),
    _measure("gpu_util_pct", 100.0, "percent", 1.0 + 1e-9, {"a ratio (0..1)": 100.0}),
    _measure("gpu_memory_used_bytes", 2.0**40, "bytes", 2.0**28, {"MiB": 2.0**20, "GiB": 2.0**30}),
)
