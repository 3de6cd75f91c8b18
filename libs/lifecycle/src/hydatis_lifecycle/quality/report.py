"""What is known of a dataset's quality: a score for each dimension with its counts, what was found, and whether gates let it pass.

A score without its counts cannot be judged: 99 % of a hundred rows and 99 % of five million are different news. And a score alone
says nothing about what to repair: so a finding names table, column, rule and rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hydatis_core.errors import ArtifactRefused

__all__ = ["DIMENSIONS", "Example", "Finding", "QualityReport", "Score"]

#: Each with what its score is the share of.
DIMENSIONS: Mapping[str, str] = {
    "completeness": "expected samples that are there, with all values that must be known",
    "consistency": "rows that agree with themselves, with their neighbours and with what other tables say",
    "timeliness": "samples that came when they were due, in order, and not from the future",
    "accuracy": "rows whose values lie in their range and hold what cross-checks ask for",
    "uniqueness": "rows that are nobody's repetition",
}


@dataclass(frozen=True, slots=True)
class Score:
    """How a dataset does in a dimension."""

    passed_count: int
    checked_count: int
    """What could pass; 0: nothing of this dimension could be checked."""

    @property
    def ratio(self) -> float:
        """0..1; 1 where nothing was checked."""
        return self.passed_count / self.checked_count if self.checked_count else 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """A row to look at."""

    file: str
    row: int
    """Counted from 0 in its file."""
    values: Mapping[str, float | int | str | None] = field(default_factory=dict)
    """Its identity, and what the rule looked at; None: unknown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What breaks a rule."""

    dimension: str
    """One of ``DIMENSIONS``."""
    table: str
    column: str
    """Column, or columns with commas."""
    rule: str
    text: str
    """What is wrong, in one sentence."""
    rows_count: int
    """How many of what ``counted`` says break it; 0: it is not about rows but about the table."""
    checked_count: int
    """How many were looked at."""
    counted: str = "rows"
    """"rows"; "samples": expected and not there; "spans": stretches of time."""
    series_count: int = 0
    """Of how many series (machines, pods) they are; 0: the table has none, or it is not about rows."""
    hard: bool = False
    """Whether it stops training by itself, whatever the scores are."""
    scored: bool = True
    """Whether it costs points; False: it is counted because a reader must know of it, and is a state or a part of another rule."""
    examples: tuple[Example, ...] = ()

    @property
    def example_rows(self) -> tuple[int, ...]:
        """Rows of the examples, each in its file."""
        return tuple(example.row for example in self.examples)


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The quality of one dataset, as it was at one time."""

    dataset: str
    digest: str
    """``sha256:...`` of what was checked."""
    rows_count: int
    scores: Mapping[str, Score]
    """Of every dimension."""
    findings: tuple[Finding, ...]
    """Those with rows first by dimension, then by count."""
    hard_failures: tuple[str, ...] = ()
    """Sentences: gates that stop training."""
    soft_failures: tuple[str, ...] = ()
    """Sentences: gates that warn."""

    @property
    def passed(self) -> bool:
        """Whether it may be trained on."""
        return not self.hard_failures

    def to_json(self) -> dict[str, Any]:
        """As JSON; ``ratio`` and ``passed`` are told for readers and computed anew by ``from_json``."""
        told = asdict(self)
        told["scores"] = {name: {"ratio": score.ratio, **asdict(score)} for name, score in self.scores.items()}
        return {"passed": self.passed, **told}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> QualityReport:
        """What ``to_json`` told.

        Raises:
            ArtifactRefused: it is no such thing.
        """
        try:
            return cls(
                dataset=told["dataset"],
                digest=told["digest"],
                rows_count=told["rows_count"],
                scores={name: Score(one["passed_count"], one["checked_count"]) for name, one in told["scores"].items()},
                findings=tuple(
                    Finding(**{**one, "examples": tuple(Example(**example) for example in one["examples"])})
                    for one in told["findings"]
                ),
                hard_failures=tuple(told["hard_failures"]),
                soft_failures=tuple(told["soft_failures"]),
            )
        except (KeyError, TypeError, AttributeError) as wrong:
            shown = f"no quality report: {type(wrong).__name__}: {wrong}"
            raise ArtifactRefused(shown, field="quality report", expected="what `hydatis data check --json` writes") from None

    def as_text(self) -> str:
        """The JSON as a file holds it: equal reports give equal bytes."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True) + "\n"
