"""What is kept of nodes and of workloads: the views, made from the definitions that serve.

Nobody writes a feature down twice: the view of nodes *is* the schema of the node table, and the view of workloads is spelled out
from the fields of a streamed profile. One wide view per entity, because the online store is read once per view.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from hydatis_core.errors import UnknownColumn
from hydatis_features.schema import SCHEMA, Feature
from hydatis_features.use_law import TAIL_WEIGHTS
from numpy.typing import NDArray

__all__ = ["EVENT_TIME", "NODE_FEATURES", "VIEWS", "WORKLOAD_PROFILES", "StoredView"]

#: Column of the event time, UTC, in every stored file.
EVENT_TIME = "event_timestamp"
DAY_SECONDS = 86_400
_OF_REQUEST = "share of request"


@dataclass(frozen=True)
class StoredView:
    """One wide view: an entity, its float32 columns, and for how long a row says something of it."""

    name: str
    """Unique; files and tables bear it."""
    entity: str
    """What a row is of: "node" or "workload"."""
    key: str
    """Column that names it, text."""
    text: str
    """What the view holds, in a sentence."""
    features: tuple[Feature, ...]
    """The columns, in order; float32, NaN: unknown."""
    keep_seconds: int
    """A row older than this says nothing: it is not joined."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each column by its name."""
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def digest(self) -> str:
        """12 hexadecimal digits over names and definitions in order: rows of another meaning are never mixed with these."""
        text = "\0".join(f"{feature.name}\0{feature.definition_hash}" for feature in self.features)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def positions(self, columns: tuple[str, ...]) -> NDArray[np.intp]:
        """Where columns stand in the view, shape (len(columns),).

        Raises:
            UnknownColumn: the view has none of that name.
        """
        for name in columns:
            if name not in self.index:
                shown = f"{self.name} has no column {name!r}"
                raise UnknownColumn(shown, field="columns", expected=f"some of its {len(self.names)} columns")
        return np.array([self.index[name] for name in columns], dtype=np.intp)


def _profile_features() -> tuple[Feature, ...]:
    """The fields of ``WorkloadProfile`` in their order, a column each."""
    used = [
        Feature(f"{resource}_used_{name}_per_request_ratio", _OF_REQUEST, f"{text} {resource} use of its pods.", "usage")
        for resource in ("cpu", "memory")
        for name, text in (("p50", "Median"), ("p95", "95th percentile of"))
    ]
    hours = [
        Feature(f"cpu_hour_{hour:02d}_factor", "share of mean", f"CPU use from {hour:02d}:00 UTC over its mean.", "usage")
        for hour in range(24)
    ]
    laws = [
        Feature(
            f"{resource}_effective_{weight:g}_per_request_ratio",
            _OF_REQUEST,
            f"Effective {resource} use at tail weight {weight:g} (``use_law``).",
            "usage",
        )
        for resource in ("cpu", "memory")
        for weight in TAIL_WEIGHTS
    ]
    weight = Feature("sample_weight", "samples", "Weight of the history after decay; 0: the profile was forgotten.", "usage")
    return (weight, *used, *hours, *laws)


#: Every column of the node table. A row stands for 15 minutes: as long as the newest known sample may be old.
NODE_FEATURES = StoredView(
    "node_features",
    "node",
    "node_name",
    "What is known of a node at a tick: the whole row of the node table.",
    SCHEMA.features,
    900,
)
#: What workloads use. A profile is told again only when it changes, so a row stands for long.
WORKLOAD_PROFILES = StoredView(
    "workload_profiles",
    "workload",
    "workload_key",
    "What pods of one workload (namespace/workload) use, as shares of their request.",
    _profile_features(),
    30 * DAY_SECONDS,
)
VIEWS = (NODE_FEATURES, WORKLOAD_PROFILES)
