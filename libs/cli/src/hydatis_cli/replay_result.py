"""What a replay over the running stack showed: outcomes by policy, rungs, latencies, and what was counted on the way.

One value feeds the terminal's table, the JSON and the report, so that they cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.trace import TraceReport

__all__ = ["LATENCY_PERCENTILES", "ReplayResult", "percentiles_milliseconds"]

LATENCY_PERCENTILES = (50, 90, 99)


def percentiles_milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles of durations, in milliseconds, by name (p50, p90, p99, max); empty when there are none."""
    if not seconds:
        return {}
    values = np.asarray(seconds) * 1000
    found = {f"p{p}": float(v) for p, v in zip(LATENCY_PERCENTILES, np.percentile(values, LATENCY_PERCENTILES), strict=True)}
    return found | {"max": float(values.max())}


@dataclass(frozen=True)
class ReplayResult:
    """A replay's result."""

    command: str
    """What was typed, so that the figures can be made again."""
    outcomes: tuple[Outcome, ...]
    """The running stack first, then the yardsticks, all on the same trace, nodes and seed."""
    rungs: Mapping[str, int]
    """Decisions by rung."""
    reasons: Mapping[str, int]
    """Decisions by reason for not standing on a higher rung."""
    unanswered_count: int
    """Decisions that the extender did not answer within its timeout."""
    latencies_seconds: Sequence[float]
    """Of each decision, both requests together."""
    tick_seconds: Sequence[float]
    """Wall clock of each tick until every service held it."""
    retries_count: int
    """Calls to feature-service that had to be made again."""
    trace_report: TraceReport
    models: Mapping[str, str] = field(default_factory=dict)
    """Version served, by model."""

    @property
    def decided_count(self) -> int:
        """Decisions the stack was asked for."""
        return len(self.latencies_seconds)

    @property
    def full_ratio(self) -> float:
        """Share of decisions on the full rung; NaN when none was asked for."""
        return self.rungs.get("full", 0) / self.decided_count if self.decided_count else float("nan")

    def to_json(self) -> str:
        """The result as a JSON object."""
        value: dict[str, Any] = {
            "command": self.command,
            "outcomes": [json.loads(outcome.to_json()) for outcome in self.outcomes],
            "decisions_count": self.decided_count,
            "full_rung_ratio": None if np.isnan(self.full_ratio) else self.full_ratio,
            "rungs": dict(self.rungs),
            "reasons": dict(self.reasons),
            "unanswered_count": self.unanswered_count,
            "decision_milliseconds": percentiles_milliseconds(self.latencies_seconds),
            "tick_milliseconds": percentiles_milliseconds(self.tick_seconds),
            "retries_count": self.retries_count,
            "models": dict(self.models),
            "trace_rules": {rule.name: rule.count for rule in self.trace_report.rules},
        }
        return json.dumps(value, indent=2, sort_keys=True)
