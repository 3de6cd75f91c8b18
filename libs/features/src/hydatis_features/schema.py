"""The feature schema: every column of the node table, named, explained and hashed.

One definition serves training and serving. A column is known by its name *and* by the hash of its definition, so that a model
trained on an older meaning of a name is refused and never silently fed the new one. Bump ``revision`` when a formula changes.

Shares (``_ratio``) are of the node's allocatable amount unless the text says otherwise; they may pass 1. NaN means unknown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from hydatis_core.errors import UnknownColumn
from numpy.typing import NDArray

from hydatis_features.use_law import SCALES

__all__ = ["FEATURES", "SCHEMA", "Feature", "Schema"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the node table."""

    name: str
    """Unique; its unit is in it."""
    unit: str
    """Unit in words: "share of allocatable", "cores", "seconds" ..."""
    text: str
    """What it is, in a sentence: the formula where there is one."""
    source: str
    """What must be fresh for it to be known: "cluster", "usage", "io" or "time"."""
    revision: int = 1
    """Rises when the formula changes though the name stays."""

    @property
    def definition_hash(self) -> str:
        """12 hexadecimal digits over name, unit and revision."""
        return hashlib.sha256(f"{self.name}\0{self.unit}\0{self.revision}".encode()).hexdigest()[:12]


SHARE = "share of allocatable"


def _capacity() -> list[Feature]:
    return [
        Feature("cpu_allocatable_cores", "cores", "CPU that pods can be given.", "cluster"),
        Feature("memory_allocatable_bytes", "bytes", "Memory that pods can be given.", "cluster"),
        Feature("pod_limit_count", "pods", "How many pods the node takes at most.", "cluster"),
        Feature("gpu_device_count", "devices", "How many GPU devices the node has.", "cluster"),
        Feature("node_age_seconds", "seconds", "Time since the first tick that saw the node, at most 30 days.", "cluster"),
    ]


def _commitment() -> list[Feature]:
    return [
        Feature("cpu_requested_ratio", SHARE, "Sum of CPU requests of the bound pods.", "cluster"),
        Feature("memory_requested_ratio", SHARE, "Sum of memory requests of the bound pods.", "cluster"),
        Feature("cpu_limit_ratio", SHARE, "Sum over bound pods of the larger of CPU limit and request.", "cluster"),
        Feature("memory_limit_ratio", SHARE, "Sum over bound pods of the larger of memory limit and request.", "cluster"),
        Feature("gpu_requested_ratio", "share of devices", "Sum of GPU shares requested over devices; NaN without GPU.", "cluster"),
        Feature("gpu_largest_free_ratio", "share of a device", "Largest free share of one device; NaN without GPU.", "cluster"),
        Feature("gpu_whole_free_count", "devices", "Devices nobody has a share of; NaN without GPU.", "cluster"),
        Feature("pod_count", "pods", "Bound pods.", "cluster"),
        Feature("pod_count_ratio", "share of pod limit", "Bound pods over the pod limit.", "cluster"),
        Feature("pods_started_15m_count", "pods", "Pods bound in the last 15 minutes.", "cluster"),
        Feature("pods_ended_15m_count", "pods", "Pods that ended in the last 15 minutes.", "cluster"),
        Feature(
            "cpu_expected_ratio", SHARE, "Sum of the bound pods' expected median CPU use (profiles as of this tick).", "cluster"
        ),
        Feature("memory_expected_ratio", SHARE, "Sum of the bound pods' expected median memory use (profiles).", "cluster"),
        Feature("cpu_expected_p95_ratio", SHARE, "Sum of the bound pods' expected 95th percentile of CPU use.", "cluster"),
        Feature("memory_expected_p95_ratio", SHARE, "Sum of the bound pods' expected 95th percentile of memory use.", "cluster"),
        *(_effective(resource, percent, scale) for resource, percent in (("cpu", 90), ("memory", 95)) for scale in SCALES),
    ]


def _effective(resource: str, percent: int, scale: float) -> Feature:
    """A column to be added up with the loads of pods yet to come: names end in the scale."""
    text = f"Sum over bound pods of q e({scale:g} q): q request as a share of the room, e effective use (``use_law``)."
    return Feature(f"{resource}_effective_{scale:g}_ratio", f"share of {percent} % of allocatable", text, "cluster")


def _usage(resource: str) -> list[Feature]:
    def share(name: str, text: str) -> Feature:
        return Feature(f"{resource}_{name}_ratio", SHARE, text, "usage")

    return [
        share("used", "Use at the newest known sample, at most 15 minutes old."),
        share("used_mean_15m", "Mean use over 15 minutes."),
        share("used_mean_1h", "Mean use over an hour."),
        share("used_mean_6h", "Mean use over six hours, from 5-minute means."),
        share("used_mean_24h", "Mean use over a day, from 5-minute means."),
        share("used_max_15m", "Largest use over 15 minutes."),
        share("used_max_1h", "Largest use over an hour."),
        share("used_max_6h", "Largest 5-minute mean over six hours."),
        share("used_max_24h", "Largest 5-minute mean over a day."),
        share("used_min_1h", "Smallest use over an hour."),
        share("used_p50_1h", "Median use over an hour."),
        share("used_p95_1h", "95th percentile of use over an hour."),
        share("used_p50_24h", "Median 5-minute mean over a day."),
        share("used_p95_24h", "95th percentile of the 5-minute means over a day."),
        share("used_std_1h", "Standard deviation over an hour (population); NaN with fewer than two samples."),
        share("used_std_24h", "Standard deviation of the 5-minute means over a day (population); NaN with fewer than two."),
        share("used_ewma_30m", "Exponentially weighted mean over an hour, half-life 30 minutes of sample age."),
        share("used_change_15m", "Newest known sample less the oldest one of 15 minutes; NaN with fewer than two."),
        share("used_lag_1h", "The sample closest to an hour ago, at most 10 minutes off it."),
        share("used_lag_24h", "The 5-minute mean whose end is closest to 24 hours ago, at most 10 minutes off it."),
        share("used_max_next_hour_yesterday", "Largest 5-minute mean from 24 to 23 hours ago."),
        Feature(
            f"{resource}_used_slope_1h_ratio_per_hour",
            "share of allocatable per hour",
            "Least-squares slope over an hour; NaN with fewer than two samples.",
            "usage",
        ),
        Feature(
            f"{resource}_used_volatility_1h_ratio",
            SHARE,
            "Mean absolute difference of neighbouring samples over an hour; none across a gap.",
            "usage",
        ),
        Feature(
            f"{resource}_used_burstiness_1h",
            "-1..1",
            "(s - m) / (s + m) with mean m and standard deviation s of an hour; -1: constant.",
            "usage",
        ),
        Feature(f"{resource}_hot_1h_ratio", "share of samples", "Samples of the last hour above 80 % of allocatable.", "usage"),
        share("headroom_p95_1h", "1 less the 95th percentile of the last hour; below 0 when over."),
        share("request_slack", "Requested less used; below 0 when pods use more than they ask for."),
    ]


def _io() -> list[Feature]:
    features = []
    for metric in ("network_receive", "network_transmit", "disk_read", "disk_write"):
        unit = "bytes per second"
        features.append(Feature(f"{metric}_mean_15m_bytes_per_second", unit, "Mean rate over 15 minutes.", "io"))
        features.append(Feature(f"{metric}_max_1h_bytes_per_second", unit, "Largest rate over an hour.", "io"))
    return features


def _freshness() -> list[Feature]:
    return [
        Feature("usage_age_seconds", "seconds", "Tick time less the time of the newest usage sample; NaN: none ever came.", "time"),
        Feature(
            "usage_coverage_1h_ratio",
            "share of samples",
            "Samples of the last hour that came, over those that should have.",
            "time",
        ),
        Feature(
            "usage_coverage_24h_ratio",
            "share of 5-minute bins",
            "Closed 5-minute bins of the last day with a sample, over 288.",
            "time",
        ),
        Feature(
            "usage_zero_suspect",
            "0 or 1",
            "1: the newest scrape read CPU and memory as exactly zero though pods ran; it counts as not measured.",
            "usage",
        ),
    ]


def _calendar() -> list[Feature]:
    return [
        Feature("hour_of_day_sin", "-1..1", "Sine of the hour of the day, UTC.", "time"),
        Feature("hour_of_day_cos", "-1..1", "Cosine of the hour of the day, UTC.", "time"),
        Feature("hour_of_week_sin", "-1..1", "Sine of the hour of the week, UTC, from Monday.", "time"),
        Feature("hour_of_week_cos", "-1..1", "Cosine of the hour of the week, UTC, from Monday.", "time"),
    ]


FEATURES: tuple[Feature, ...] = (
    *_capacity(),
    *_commitment(),
    *_usage("cpu"),
    *_usage("memory"),
    *_io(),
    *_freshness(),
    *_calendar(),
)


class Schema:
    """An ordered set of columns that matrices are laid out by.

    Args:
        features: the columns, names without repeats.
    """

    def __init__(self, features: tuple[Feature, ...]) -> None:
        self.features = features

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(f.name for f in self.features)

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """Definition hashes in order."""
        return tuple(f.definition_hash for f in self.features)

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each column by its name."""
        return {name: i for i, name in enumerate(self.names)}

    def positions(self, columns: list[tuple[str, str]]) -> NDArray[np.intp]:
        """Where wanted columns stand in this schema.

        Args:
            columns: (name, definition hash) of each wanted column.

        Returns:
            shape (len(columns),), positions in this schema.

        Raises:
            UnknownColumn: a name is not here, or stands here with another definition.
        """
        return match_columns(columns, dict(zip(self.names, self.hashes, strict=True)), self.index)


def match_columns(wanted: list[tuple[str, str]], hashes: dict[str, str], index: dict[str, int]) -> NDArray[np.intp]:
    """Positions of wanted columns among the offered, by name and definition hash.

    Args:
        wanted: (name, definition hash) of each wanted column.
        hashes: definition hash of each offered column, by name.
        index: position of each offered column, by name.

    Raises:
        UnknownColumn: a name is not offered, or with another definition.
    """
    for name, definition_hash in wanted:
        if name not in hashes:
            raise UnknownColumn(f"column {name!r} is not in the table", field="columns", expected=f"one of {len(hashes)} columns")
        if hashes[name] != definition_hash:
            raise UnknownColumn(
                f"column {name!r} has definition {hashes[name]}, not {definition_hash}",
                field="columns",
                expected="the same definition",
            )
    return np.array([index[name] for name, _ in wanted], dtype=np.intp)


#: The schema of the node table.
SCHEMA = Schema(FEATURES)
