"""What a replay did to the cluster: one record per policy, from matrices to the figures people compare.

The matrices (ticks x nodes) are kept beside the figures, because a mean hides the one hot node that users felt; the page with the
heat maps reads them. Loads here are *demand* over allocatable: a CPU demand above 1 was throttled, and shows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO

__all__ = [
    "OUTCOME_FIGURES",
    "Figure",
    "Outcome",
    "Placement",
    "node_load_figures",
    "placements_digest",
]

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Placement:
    """A pod was bound to a node."""

    pod_uid: str
    node_name: str
    time_seconds: float
    """Event time of the binding, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How to read one figure of an outcome."""

    name: str
    """Key in ``Outcome.figures``."""
    better: str
    """"lower", "higher", or "" where neither is."""
    text: str
    """What it is, in a sentence."""


def _load(resource: str, threshold: float) -> tuple[Figure, ...]:
    over = f"{threshold:.0%}"
    return (
        Figure(f"{resource}_load_mean_ratio", "", f"Mean over ticks and nodes of {resource} demand over allocatable."),
        Figure(f"{resource}_load_p50_ratio", "", "Median of the same."),
        Figure(f"{resource}_load_p95_ratio", "lower", "95th percentile of the same."),
        Figure(f"{resource}_load_p99_ratio", "lower", "99th percentile of the same."),
        Figure(f"{resource}_load_max_ratio", "lower", "Largest of the same."),
        Figure(f"{resource}_overload_node_minutes", "lower", f"Node-minutes with {resource} demand above {over} of allocatable."),
        Figure(f"{resource}_overload_node_time_ratio", "lower", f"Share of node-time with {resource} demand above {over}."),
        Figure(f"{resource}_overload_severity_ratio", "lower", f"Mean excess over {over} where overloaded; 0: never overloaded."),
        Figure(f"{resource}_imbalance_std_ratio", "lower", "Standard deviation over nodes, mean over ticks."),
        Figure(f"{resource}_imbalance_max_less_mean_ratio", "lower", "Largest less mean over nodes, mean over ticks."),
    )


OUTCOME_FIGURES: tuple[Figure, ...] = (
    Figure("pods_count", "", "Pods that asked to be placed."),
    Figure("placed_count", "higher", "Pods that were placed."),
    Figure("pending_count", "lower", "Pods still waiting at the end."),
    Figure("expired_count", "lower", "Pods whose life in the trace ended while they waited."),
    Figure("wait_mean_seconds", "lower", "Mean time from arrival to binding, of placed pods."),
    Figure("wait_p99_seconds", "lower", "99th percentile of the same."),
    Figure("nodes_used_mean_count", "", "Nodes with at least one pod, mean over ticks."),
    Figure("nodes_used_max_count", "", "Largest of the same."),
    *_load("cpu", CPU_LIMIT_RATIO),
    *_load("memory", MEMORY_LIMIT_RATIO),
    Figure("throttled_core_seconds", "lower", "CPU that was wanted and not given: demand above allocatable."),
    Figure("throttled_demand_ratio", "lower", "The same over all CPU wanted."),
    Figure("oom_count", "lower", "Containers killed because a node's memory ran out."),
    Figure("oom_lost_core_seconds", "lower", "CPU that the killed pods would have used while they restarted."),
    Figure("abstained_ratio", "", "Decisions in which the policy abstained; 1 for the stock scheduler."),
    Figure("held_usage_ratio", "", "Pod samples without a known use in the trace, for which the last known one was held."),
)
"""Every figure of an outcome, in the order of tables."""


def placements_digest(placements: tuple[Placement, ...]) -> str:
    """SHA-256 over the placements in order: equal digests mean the same pods on the same nodes at the same times."""
    sha = hashlib.sha256()
    for placement in placements:
        sha.update(f"{placement.pod_uid}\0{placement.node_name}\0{placement.time_seconds!r}\n".encode())
    return sha.hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What one policy did with one trace on one cluster."""

    policy: str
    trace: str
    trace_digest: str
    seed: int
    tick_seconds: float
    node_names: tuple[str, ...]
    """Columns of the matrices."""
    tick_times_seconds: NDArray[np.float64]
    """shape (ticks,): rows of the matrices, Unix seconds."""
    cpu_load: Matrix
    """shape (ticks, nodes): CPU demand over allocatable at the tick's sample, >= 0; above 1 it is throttled."""
    memory_load: Matrix
    """shape (ticks, nodes): memory demand over allocatable before a kill, >= 0; NaN when the trace knows no memory."""
    pod_counts: NDArray[np.int32]
    """shape (ticks, nodes): bound pods."""
    placements: tuple[Placement, ...]
    """In order of binding."""
    pending_uids: tuple[str, ...]
    """Pods still waiting at the end, in the order in which they would be tried."""
    figures: dict[str, float]
    """By name, as in ``OUTCOME_FIGURES``; NaN: does not exist (no memory in the trace, nothing was placed)."""

    @property
    def digest(self) -> str:
        """Digest of the placements."""
        return placements_digest(self.placements)

    def to_json(self, *, matrices: bool = False, placements: bool = False) -> str:
        """The outcome as a JSON object, keys sorted, NaN as null.

        Args:
            matrices: also the loads, rounded to four digits, for heat maps.
            placements: also every placement.
        """
        value: dict[str, Any] = {
            "policy": self.policy,
            "trace": self.trace,
            "trace_digest": self.trace_digest,
            "seed": self.seed,
            "tick_seconds": self.tick_seconds,
            "ticks_count": len(self.tick_times_seconds),
            "nodes_count": len(self.node_names),
            "placements_digest": self.digest,
            "figures": {name: _number(figure) for name, figure in self.figures.items()},
        }
        if matrices:
            value["node_names"] = list(self.node_names)
            value["tick_times_seconds"] = self.tick_times_seconds.tolist()
            value["cpu_load"] = _rows(self.cpu_load)
            value["memory_load"] = _rows(self.memory_load)
        if placements:
            value["placements"] = [asdict(placement) for placement in self.placements]
        return json.dumps(value, sort_keys=True, allow_nan=False)


def _number(figure: float) -> float | None:
    return float(figure) if np.isfinite(figure) else None


def _rows(matrix: Matrix) -> list[list[float | None]]:
    return [[None if np.isnan(cell) else round(float(cell), 4) for cell in row] for row in matrix]


def node_load_figures(resource: str, load: Matrix, threshold: float, tick_seconds: float) -> dict[str, float]:
    """The figures of one resource's load.

    Args:
        resource: "cpu" or "memory".
        load: shape (ticks, nodes), demand over allocatable; all NaN: the trace does not know it.
        threshold: share above which a node is overloaded.
        tick_seconds: node-time that one cell stands for.

    Returns:
        The ten figures of the resource, by name; all NaN when the load is not known.
    """
    names = [figure.name for figure in _load(resource, threshold)]
    if load.size == 0 or np.isnan(load).all():
        return dict.fromkeys(names, float("nan"))
    over = load > threshold
    excess = load[over] - threshold
    values = (
        np.nanmean(load, dtype=np.float64),
        *np.nanpercentile(load, (50, 95, 99)),
        np.nanmax(load),
        over.sum() * tick_seconds / 60.0,
        over.mean(),
        excess.mean(dtype=np.float64) if excess.size else 0.0,
        np.nanstd(load, axis=1, dtype=np.float64).mean(),
        (np.nanmax(load, axis=1) - np.nanmean(load, axis=1)).mean(dtype=np.float64),
    )
    return {name: float(value) for name, value in zip(names, values, strict=True)}
