"""The filter: which nodes may not take the pod at all.

It rejects for two stated reasons only, a forecast over its threshold and a confirmed anomaly. What is unknown rejects nobody,
and a filter that would leave no node leaves them all: a hot cluster must still place its pods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from numpy.typing import NDArray

from hydatis_placement.credits import Credits
from hydatis_placement.load_after import LoadAfter, peaks_after
from hydatis_placement.view import ClusterView, Fact

__all__ = ["REASONS", "Admission", "Thresholds", "admit"]

#: Why a node is rejected, by code; the first that applies is named.
REASONS: tuple[str, ...] = (
    "",
    "confirmed anomalous",
    "p95 of memory over the next hour would pass the threshold",
    "p95 of CPU over the next hour would pass the threshold",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When the filter rejects.

    Raises:
        InvalidValue: a threshold is not a finite number > 0.
    """

    cpu_p95_ratio: float = 0.90
    """Largest p95 of CPU after placement, share of allocatable. CPU over allocatable slows pods down."""
    memory_p95_ratio: float = 0.95
    """Largest p95 of memory after placement, share of allocatable. Memory over allocatable kills a pod."""
    avoid_anomalous: bool = True
    """Whether confirmed anomalous nodes are rejected."""

    def __post_init__(self) -> None:
        for name in ("cpu_p95_ratio", "memory_p95_ratio"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InvalidValue(f"{value!r} is not a threshold", field=name, expected="a share of allocatable > 0")


@dataclass(frozen=True)
class Admission:
    """Which candidates may take the pod."""

    allowed: NDArray[np.bool_]
    """shape (candidates,): whether the node passes. All true when waived."""
    codes: NDArray[np.int8]
    """shape (candidates,): position in ``REASONS``; 0: nothing against it. Kept when waived."""
    waived: bool
    """Whether every candidate would have been rejected, and therefore none was."""

    def reason(self, position: int) -> str:
        """What speaks against one candidate; empty: nothing."""
        return REASONS[int(self.codes[position])]


def admit(
    view: ClusterView,
    rows: NDArray[np.int32],
    pod: Pod,  # noqa: ARG001  # every rule takes the same decision; this one reads its expected use alone
    expected_use: ExpectedUse,
    credits: Credits,
    thresholds: Thresholds,
    *,
    after: LoadAfter | None = None,
) -> Admission:
    """Filters candidate nodes.

    A node is rejected if and only if the forecast p95 (maximum over the next hour) after placement passes a threshold, or it is
    confirmed anomalous and the thresholds say avoid. A node without a forecast is not rejected for its load. If all would be
    rejected, none is; if more than half of the candidates are confirmed anomalous, none is rejected for that: then it is not the
    nodes that are odd but the cluster that has changed.

    Args:
        view: the state decided on.
        rows: shape (candidates,), int32, rows of the table without repeats.
        pod: the pod to place.
        expected_use: what it is expected to use.
        credits: what is not measured yet, for the same table.
        thresholds: when to reject.
        after: ``load_after`` of the same arguments, when the caller has it already.
    """
    codes = np.zeros(rows.size, dtype=np.int8)
    if view.has_forecast:
        loads = after if after is not None else peaks_after(view, rows, expected_use, credits)
        forecast = view.facts[Fact.FORECAST_MISSING].take(rows) == 0
        codes[forecast & (loads.cpu_p95 > thresholds.cpu_p95_ratio)] = 3
        codes[forecast & (loads.memory_p95 > thresholds.memory_p95_ratio)] = 2
    if thresholds.avoid_anomalous and view.confirmed is not None:
        anomalous = view.confirmed.take(rows)
        if 2 * np.count_nonzero(anomalous) <= rows.size:
            codes[anomalous] = 1
    allowed = codes == 0
    waived = bool(rows.size) and not allowed.any()
    return Admission(np.ones_like(allowed) if waived else allowed, codes, waived)
