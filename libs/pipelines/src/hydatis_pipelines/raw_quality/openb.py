"""Rules of the openb trace: nodes and lists of pods of a GPU cluster, with requests and times of life."""

from __future__ import annotations

import numpy as np
from hydatis_lifecycle.quality.rules import ColumnRule, Columns, RowRule, SeriesRule, TableRules
from numpy.typing import NDArray

from hydatis_pipelines.raw_quality.units import unit_of

__all__ = ["TABLES"]

#: No pod was followed for longer.
TRACE_END_SECONDS = 12_902_960

_NODE_COLUMNS = (
    ColumnRule("node_name", "text"),
    ColumnRule("cpu_milli", "integer", low=1),
    ColumnRule("memory_mib", "integer", low=1),
    ColumnRule("gpu_count", "integer", low=0, high=16),
    ColumnRule("gpu_model", "text", nullable=True),
)
_NODE_ROWS = (
    RowRule(
        "gpus_and_model",
        "consistency",
        ("gpu_count", "gpu_model"),
        "a node with GPUs has no model of them, or one without has one",
        lambda batch: (batch["gpu_count"] > 0) == _is_absent(batch["gpu_model"]),
    ),
)
_SIZES = (
    unit_of("cpu_milli", "thousandths of a core", 500.0, 2e6, {"cores": 1000.0}),
    unit_of("memory_mib", "MiB", 64.0, 2.0**24, {"bytes": 2.0**-20, "KiB": 2.0**-10, "GiB": 1024.0}, known=True),
)


def _is_absent(texts: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.array([not text for text in texts], dtype=np.bool_)


def _ends_before(first: str, second: str) -> RowRule:
    return RowRule(
        f"{second.removesuffix('_time_s')}_before_{first.removesuffix('_time_s')}",
        "consistency",
        (first, second),
        f"{second} is before {first}",
        lambda batch: batch[second] < batch[first],
    )


def _partial_of_several(batch: Columns) -> NDArray[np.bool_]:
    whole = batch["gpu_milli_per_gpu"] == 1000
    none, several = batch["gpu_count"] == 0, batch["gpu_count"] > 1
    partial: NDArray[np.bool_] = (none & (batch["gpu_milli_per_gpu"] != 0)) | (several & ~whole)
    return partial


TABLES = (
    *(
        TableRules(f"openb_{name}", f"{name}.parquet", _NODE_COLUMNS, _NODE_ROWS, SeriesRule(("node_name",)), _SIZES)
        for name in ("nodes_all_node", "nodes_gpu_node")
    ),
    TableRules(
        "openb_pods",
        "pods.parquet",
        (
            ColumnRule("pod_list", "text"),
            ColumnRule("row_in_list", "integer", low=0),
            ColumnRule("pod_name", "text"),
            ColumnRule("cpu_milli", "integer", low=1),
            ColumnRule("memory_mib", "integer", low=1),
            ColumnRule("gpu_count", "integer", low=0, high=8),
            ColumnRule("gpu_milli_per_gpu", "integer", low=0, high=1000),
            ColumnRule("gpu_spec", "text", nullable=True),
            ColumnRule("qos", "text", nullable=True),
            ColumnRule("pod_phase", "text", nullable=True),
            ColumnRule("creation_time_s", "integer", low=0, nullable=True),
            ColumnRule("deletion_time_s", "integer", low=0, high=TRACE_END_SECONDS, nullable=True),
            ColumnRule("scheduled_time_s", "integer", low=0, nullable=True),
        ),
        (
            RowRule(
                "pending_pod",
                "completeness",
                ("scheduled_time_s", "pod_phase"),
                "the pod was never scheduled, and is Pending",
                lambda batch: np.isnan(batch["scheduled_time_s"].astype(np.float64)) & (batch["pod_phase"] == "Pending"),
                scored=False,
            ),
            RowRule(
                "scheduled_unknown",
                "completeness",
                ("scheduled_time_s", "pod_phase"),
                "the pod is not Pending, and nobody knows when it was scheduled",
                lambda batch: (
                    np.isnan(batch["scheduled_time_s"].astype(np.float64))
                    & ~(batch["pod_phase"] == "Pending")
                    & ~_is_absent(batch["pod_phase"])
                ),
            ),
            RowRule(
                "times_absent",
                "completeness",
                ("creation_time_s", "deletion_time_s"),
                "the list has no times: its pods have an order and no life",
                lambda batch: np.isnan(batch["creation_time_s"].astype(np.float64)),
                scored=False,
            ),
            RowRule(
                "life_cut",
                "completeness",
                ("deletion_time_s",),
                "the pod was alive when the trace ended: its deletion is the end of the trace",
                lambda batch: batch["deletion_time_s"] == TRACE_END_SECONDS,
                scored=False,
            ),
            _ends_before("creation_time_s", "deletion_time_s"),
            _ends_before("creation_time_s", "scheduled_time_s"),
            _ends_before("scheduled_time_s", "deletion_time_s"),
            RowRule(
                "gpu_share",
                "consistency",
                ("gpu_count", "gpu_milli_per_gpu"),
                "a share of a GPU is asked for together with none or several of them",
                _partial_of_several,
            ),
        ),
        SeriesRule(("pod_list", "row_in_list")),
        _SIZES,
    ),
)
