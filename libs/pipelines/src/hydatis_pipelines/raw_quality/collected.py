"""Rules of what `hydatis collect` keeps: use of nodes and pods, as often as the collection was told to ask.

Rules for every step would be wrong for all but one, so they are made for the step that stands in the folder.
"""

from __future__ import annotations

import json
from pathlib import Path

from hydatis_core.errors import TraceRefused
from hydatis_features.usage import METRICS, POD_METRICS, USAGE_LIMIT
from hydatis_lifecycle.quality.rules import ColumnRule, SeriesRule, TableRules

from hydatis_pipelines.raw_quality.units import unit_of, unix_seconds

__all__ = ["collected_tables"]

#: Labels that say whose a row is, by table; as hydatis_collection writes them.
_TARGETS = (
    *("node", "kubernetes_node", "node_name", "nodename", "kubernetes_io_hostname", "host", "hostname", "instance"),
    *("namespace", "pod"),
)
_LABELS = {"nodes": _TARGETS, "roots": _TARGETS, "pods": ("namespace", "pod", "exported_namespace", "exported_pod")}
_MEASURES = {"nodes": METRICS, "roots": POD_METRICS, "pods": POD_METRICS}
#: The others are not measured everywhere.
_NEEDED = POD_METRICS


def collected_tables(folder: Path) -> tuple[TableRules, ...]:
    """The tables of a collection.

    Args:
        folder: with ``collection.json``.

    Raises:
        TraceRefused: it is no collection, or nothing was collected yet.
    """
    path = folder / "collection.json"
    try:
        step_seconds = float(json.loads(path.read_text())["step_seconds"])
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        shown = f"{path} cannot be read: {type(wrong).__name__}"
        raise TraceRefused(shown, field="data", expected="a folder that hydatis collect wrote") from None
    tables = tuple(_table(name, step_seconds) for name in _LABELS if any((folder / name).glob("*.parquet")))
    if not tables:
        raise TraceRefused(f"{folder} holds no window with a row", field="data", expected="windows of hydatis collect")
    return tables


def _table(name: str, step_seconds: float) -> TableRules:
    bytes_of = {"KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3}
    return TableRules(
        name,
        f"{name}/*.parquet",
        (
            ColumnRule("timestamp_s", "integer"),
            *(ColumnRule(label, "text") for label in _LABELS[name]),
            *(ColumnRule(column, low=0, high=USAGE_LIMIT, nullable=column not in _NEEDED) for column in _MEASURES[name]),
        ),
        series=SeriesRule(_LABELS[name], "timestamp_s", step_seconds, unix=True),
        units=(unix_seconds("timestamp_s"), unit_of("memory_used_bytes", "bytes", 2.0**20, 2.0**46, bytes_of, known=True)),
    )
