"""Which columns of the node table a forecaster reads.

Everything that says how a node was used, what is bound to it and what time it is, as shares: so a model trained on small nodes can
be asked about large ones. Left out are absolute sizes, node age and byte rates, which name the node rather than describe its load,
the hour of the week, which in a trace of a few weeks names the moment, and effective uses, which speak of weeks and not of the next
hour.
"""

from __future__ import annotations

from hydatis_features.schema import SCHEMA

__all__ = ["INPUT_COLUMNS", "use_column"]

_LEFT_OUT = {
    "cpu_allocatable_cores",
    "memory_allocatable_bytes",
    "pod_limit_count",
    "gpu_device_count",
    "node_age_seconds",
    "pod_count",
    "hour_of_week_sin",
    "hour_of_week_cos",
}


def _is_read(name: str) -> bool:
    named = name.endswith("bytes_per_second") or name.startswith("gpu_") or "_effective_" in name
    return name not in _LEFT_OUT and not named


#: (name, definition hash) of the columns a forecaster reads, in the order of the schema.
INPUT_COLUMNS: tuple[tuple[str, str], ...] = tuple(
    (feature.name, feature.definition_hash) for feature in SCHEMA.features if _is_read(feature.name)
)


def use_column(resource: str) -> str:
    """The column with the newest use of a resource ("cpu" or "memory"): the base that changes are forecast from."""
    return f"{resource}_used_ratio"
