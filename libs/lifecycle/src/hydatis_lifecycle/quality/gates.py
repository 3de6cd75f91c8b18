"""What data must score to be trained on: a table of thresholds, and the sentences about those that are missed.

The hard gate of a dimension stops a training, the soft one warns. Rules can be gates by themselves: a file in milliseconds scores
well everywhere and must still not be trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.quality.report import DIMENSIONS, Finding, Score

__all__ = ["DEFAULT_GATES", "Gate", "Gates", "gates_from"]

_LEVELS = ("hard", "soft")


@dataclass(frozen=True, slots=True)
class Gate:
    """Least scores of a dimension."""

    hard_pct: float
    """Below it training stops."""
    soft_pct: float
    """Below it there is a warning."""


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of all dimensions, and rules that are another kind of gate than they would be."""

    dimensions: Mapping[str, Gate]
    rules: Mapping[str, str] = field(default_factory=dict)
    """"hard" or "soft" by rule."""

    def applied(self, finding: Finding) -> Finding:
        """A finding, hard or soft as these gates have it."""
        level = self.rules.get(finding.rule)
        return finding if level is None else replace(finding, hard=level == "hard")

    def failures(self, scores: Mapping[str, Score], findings: Sequence[Finding]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Gates that are missed, as sentences.

        Args:
            scores: of every dimension.
            findings: with ``applied`` done.

        Returns:
            Those that stop a training; those that warn.
        """
        hard = [f"{one.table}.{one.column}: {one.rule}: {one.text}{_rows(one)}" for one in findings if one.hard]
        soft = []
        for dimension, gate in self.dimensions.items():
            score = scores[dimension]
            percent = 100 * score.ratio
            if percent < gate.hard_pct:
                hard.append(_missed(dimension, score, gate.hard_pct, findings))
            elif percent < gate.soft_pct:
                soft.append(_missed(dimension, score, gate.soft_pct, findings))
        return tuple(hard), tuple(soft)


#: The first three are asked for of every data set; a machine's own limits are crossed more often than a clock is wrong.
DEFAULT_GATES = Gates(
    {
        "completeness": Gate(95.0, 99.0),
        "consistency": Gate(90.0, 98.0),
        "timeliness": Gate(98.0, 99.5),
        "accuracy": Gate(90.0, 98.0),
        "uniqueness": Gate(95.0, 99.0),
    }
)


def gates_from(told: Any) -> Gates:
    """Gates as a YAML file tells them; what it leaves out is as in ``DEFAULT_GATES``.

    Args:
        told: ``{completeness: {hard_pct: 95, soft_pct: 99}, ..., rules: {use_without_capacity: hard}}``.

    Raises:
        InvalidValue: names the entry that is wrong.
    """
    if told is None:
        return DEFAULT_GATES
    if not isinstance(told, dict):
        raise InvalidValue(f"thresholds are a {type(told).__name__}", field="thresholds", expected="a mapping of dimensions")
    dimensions, rules = dict(DEFAULT_GATES.dimensions), {}
    for name, entry in told.items():
        if name == "rules":
            rules = _rules(entry)
        elif name not in DIMENSIONS:
            expected = f"one of {', '.join(DIMENSIONS)}, or rules"
            raise InvalidValue(f"nobody knows {name!r}", field="thresholds", expected=expected)
        else:
            dimensions[name] = _gate(name, entry, dimensions[name])
    return Gates(dimensions, rules)


def _gate(name: str, entry: Any, default: Gate) -> Gate:
    known = {"hard_pct", "soft_pct"}
    if not isinstance(entry, dict) or not set(entry) <= known:
        raise InvalidValue(f"{entry!r} is no gate", field=f"thresholds.{name}", expected="hard_pct and soft_pct")
    for level, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise InvalidValue(f"{value!r} is no percentage", field=f"thresholds.{name}.{level}", expected="0 to 100")
    hard = float(entry.get("hard_pct", default.hard_pct))
    gate = Gate(hard, float(entry.get("soft_pct", max(hard, default.soft_pct))))
    if gate.soft_pct < gate.hard_pct:
        shown = f"it warns below {gate.soft_pct:g} and stops below {gate.hard_pct:g}"
        raise InvalidValue(shown, field=f"thresholds.{name}", expected="soft_pct at least as high as hard_pct")
    return gate


def _rules(entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict) or any(level not in _LEVELS for level in entry.values()):
        raise InvalidValue(f"{entry!r} says nothing of rules", field="thresholds.rules", expected="hard or soft by rule")
    return {str(rule): str(level) for rule, level in entry.items()}


def _rows(finding: Finding) -> str:
    if not finding.rows_count:
        return ""
    first = "".join(f", first {one.file} row {one.row:,}" for one in finding.examples[:1])
    return f" ({finding.rows_count:,} {finding.counted}{first})"


def _missed(dimension: str, score: Score, least_pct: float, findings: Sequence[Finding]) -> str:
    most = max((one for one in findings if one.dimension == dimension and one.scored), key=lambda one: one.rows_count, default=None)
    why = f"; most by {most.table}.{most.column}: {most.rule} ({most.rows_count:,} {most.counted})" if most else ""
    return f"{dimension} {100 * score.ratio:.2f} % of {score.checked_count:,} is below {least_pct:g} %{why}"
