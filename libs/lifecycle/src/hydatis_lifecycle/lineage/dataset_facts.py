"""What is told of a thing beside its name and digest: for events of lineage, whose readers see no catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hydatis_lifecycle.quality.report import QualityReport

__all__ = ["Assertion", "DatasetFacts", "facts_of_quality"]


@dataclass(frozen=True, slots=True)
class Assertion:
    """Something that was asked of a dataset."""

    rule: str
    passed: bool
    column: str = ""
    """Empty: the whole dataset."""
    hard: bool = False
    """Whether it stops training."""
    actual: str = ""
    """What was found."""


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """Facts of a thing; all of them may be left out."""

    schema: Mapping[str, str] = field(default_factory=dict)
    """Type by column, in the order of columns."""
    rows_count: int | None = None
    bytes_count: int | None = None
    nulls_count: Mapping[str, int] = field(default_factory=dict)
    """Unknown values by column."""
    assertions: tuple[Assertion, ...] = ()


def facts_of_quality(report: QualityReport) -> DatasetFacts:
    """What a quality report says of its dataset: each score, then each finding."""
    scores = [
        Assertion(dimension, score.passed_count == score.checked_count, actual=f"{score.passed_count} of {score.checked_count}")
        for dimension, score in report.scores.items()
    ]
    findings = [
        Assertion(found.rule, False, found.column, found.hard, f"{found.rows_count} of {found.checked_count} {found.counted}")
        for found in report.findings
    ]
    return DatasetFacts(rows_count=report.rows_count, assertions=(*scores, *findings))
