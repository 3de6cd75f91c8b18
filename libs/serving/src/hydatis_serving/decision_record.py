"""The record of one decision, as a value: what was chosen, why, and on what state.

The shim makes it, the decision log keeps it, people read it back; it mirrors hydatis.decision.v1 field by field, so that what is
explained later is what was written then.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from hydatis_placement.credits import Credits
from hydatis_placement.ladder import Rung
from numpy.typing import NDArray

__all__ = ["DecisionRecord", "FullInput", "NodeReason", "decision_to_json"]


@dataclass(frozen=True, slots=True)
class NodeReason:
    """Why one node stood where it stood. Ratios are shares of allocatable after placement; NaN: unknown."""

    node_name: str
    score: int
    """Sent to kube-scheduler, 0..10, high = better."""
    utility: float = math.nan
    """High = better, in the unit of the rung."""
    cpu_p50_ratio: float = math.nan
    """Median of the maximum of CPU over the next hour."""
    cpu_p95_ratio: float = math.nan
    memory_p50_ratio: float = math.nan
    memory_p95_ratio: float = math.nan
    risk: float = math.nan
    """0..1, high = more anomalous."""
    credit_cpu_cores: float = 0.0
    """Of pods bound and not yet measured."""
    credit_memory_bytes: float = 0.0
    rejected: str = ""
    """Why the filter rejected it; empty: it did not."""


@dataclass(frozen=True)
class FullInput:
    """Everything a decision was computed from: enough to compute it again."""

    node_names: tuple[str, ...]
    """Candidates in the order offered."""
    columns: tuple[str, ...]
    """Columns of ``after_states``."""
    after_states: NDArray[np.float32]
    """shape (candidates, columns), float32."""
    credits: Credits
    """Credits at the time."""
    utilities: NDArray[np.float32]
    """shape (candidates,), float32, high = better."""


@dataclass(frozen=True)
class DecisionRecord:
    """One decision."""

    decision_id: str
    """Unique, not empty."""
    event_time_seconds: float
    """Unix seconds in event time."""
    pod: Pod
    expected_use: ExpectedUse | None = None
    """What the pod was expected to use; None: it was not asked."""
    generation: int = 0
    """Decided on; 0: none."""
    rung: Rung | None = None
    """None: the extender was off for this pod, or the answer was neutral."""
    rung_reason: str = ""
    """Why not a higher rung, in a word; empty on the full rung."""
    risk_masked: bool = False
    """Whether the risk was missing and masked."""
    shadow: bool = False
    """Whether it was only recorded and a neutral answer given."""
    candidate_count: int = 0
    """Nodes that kube-scheduler offered."""
    rejected_count: int = 0
    """Nodes that the filter rejected."""
    filter_waived: bool = False
    """Whether the filter would have rejected all and therefore rejected none."""
    chosen_node: str = ""
    """First choice: the best score, ties to the first."""
    top: tuple[NodeReason, ...] = ()
    """The best nodes, best first, at most five."""
    model_versions: tuple[str, ...] = ()
    """Versions of the models that took part, as "name version"."""
    latency_milliseconds: float = 0.0
    """Wall clock from request to ranking."""
    bound_node: str = ""
    """The node the pod was bound to; empty: not known (yet)."""
    full_input: FullInput | None = field(default=None, compare=False)
    """For a sampled share of decisions."""
    trace_id: str = ""
    """32 hexadecimal digits; empty: not sampled."""


def decision_to_json(record: DecisionRecord) -> dict[str, Any]:
    """The record for people and programs: plain values, NaN as null, the full input as lists."""
    plain = _plain(dataclasses.asdict(record))
    assert isinstance(plain, dict)
    plain["rung"] = record.rung.name.lower() if record.rung is not None else None
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return getattr(value, "value", value)  # enums by the word they stand for
