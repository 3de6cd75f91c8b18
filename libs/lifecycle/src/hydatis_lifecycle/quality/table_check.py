"""Checks a table batch by batch: every rule's count, examples to look at, and for each dimension how many rows break nothing.

A row that breaks three rules of a dimension is one bad row of it. So a byte is kept for each row, with a bit for each dimension,
and more rules never make a score look better. Batches are forgotten when they are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydatis_lifecycle.quality.report import DIMENSIONS, Example, Finding, Score
from hydatis_lifecycle.quality.rules import Columns, TableRules
from hydatis_lifecycle.quality.schemas import batch_faults, structure_faults, table_schema
from hydatis_lifecycle.quality.series_log import SeriesLog
from hydatis_lifecycle.quality.units import UnitStatistic

__all__ = ["EXAMPLES_COUNT", "TableCheck"]

#: Examples of each finding.
EXAMPLES_COUNT = 3
_BIT = {dimension: np.uint8(1 << at) for at, dimension in enumerate(DIMENSIONS)}


@dataclass
class _Broken:
    """A rule that rows break."""

    dimension: str
    column: str
    rule: str
    text: str
    hard: bool = False
    scored: bool = True
    rows_count: int = 0
    whose: set[tuple[Any, ...]] = field(default_factory=set)
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows under way."""

    file: str
    first_row: int
    columns: Columns
    bits: NDArray[np.uint8]
    """What each row breaks, by dimension."""


class TableCheck:
    """One table's check.

    Args:
        rules: what is asked of it.
        now_seconds: Unix time that nothing may be after; None: the future is not looked for.
    """

    def __init__(self, rules: TableRules, now_seconds: float | None = None) -> None:
        self._rules, self._now_seconds = rules, now_seconds
        self._schema = table_schema(rules)
        self._structure: list[Finding] = []
        self._broken: dict[tuple[str, str], _Broken] = {}
        self._units: dict[str, list[UnitStatistic]] = {}
        self._bits: list[NDArray[np.uint8]] = []
        self._series = SeriesLog(rules.name, rules.series, EXAMPLES_COUNT) if rules.series else None
        self._batches: list[tuple[int, str, int]] = []
        self.rows_count = 0

    def add_file(self, file: str, empty: pd.DataFrame) -> bool:
        """Begins a file.

        Args:
            file: its name.
            empty: a data frame of its columns, without rows.

        Returns:
            Whether its rows can be looked at: it has the columns, of their kinds.
        """
        faults = structure_faults(self._rules, empty)
        for fault in faults:
            text = f"{fault.text} in {file}"
            self._structure.append(
                Finding("consistency", self._rules.name, fault.column, fault.rule, text, 0, len(empty.columns), hard=True)
            )
        self._units[file] = [UnitStatistic(rule) for rule in self._rules.units]
        return all(fault.rule == "column_unknown" for fault in faults)

    def add(self, file: str, first_row: int, batch: Columns) -> None:
        """Counts rows of a file that was begun.

        Args:
            file: its name.
            first_row: of the batch, in the file.
            batch: the columns of the rules.
        """
        count = len(next(iter(batch.values())))
        under_way = _Batch(file, first_row, batch, np.zeros(count, dtype=np.uint8))
        for fault in batch_faults(self._rules, self._schema, batch):
            dimension = "completeness" if fault.rule == "unknown_value" else "accuracy"
            broken = self._entry(_Broken(dimension, fault.column, fault.rule, fault.text))
            self._count(broken, fault.rows, under_way, (fault.column,))
        for rule in self._rules.rows:
            broken = self._entry(_Broken(rule.dimension, ", ".join(rule.columns), rule.name, rule.text, rule.hard, rule.scored))
            self._count(broken, np.flatnonzero(rule.breaks(batch)), under_way, rule.columns)
        for statistic in self._units[file]:
            statistic.add(batch)
        if self._series:
            self._series.add(batch)
        self._bits.append(under_way.bits)
        self._batches.append((self.rows_count, file, first_row))
        self.rows_count += count

    def result(self) -> tuple[dict[str, Score], list[Finding]]:
        """Scores of every dimension, and what was found, most first."""
        bits = np.concatenate(self._bits) if self._bits else np.zeros(0, dtype=np.uint8)
        findings: list[Finding] = []
        missing_count = repeated_count = 0
        if self._series and self._bits:
            faults, told = self._series.findings(self._now_seconds, self._place)
            missing_count, repeated_count = faults.missing_count, len(faults.repeated)
            for finding, rows in told:
                bits[rows] |= _BIT[finding.dimension]
                findings.append(finding)
        for broken in self._broken.values():
            if broken.rows_count:
                findings.append(self._finding(broken))
        for file, statistics in self._units.items():
            for statistic in statistics:
                if fault := statistic.fault():
                    column, text = statistic.rule.column, f"{fault} in {file}"
                    findings.append(Finding("accuracy", self._rules.name, column, "unit", text, 0, self.rows_count, hard=True))
        return self._scores(bits, missing_count, repeated_count), self._structure + findings

    def _scores(self, bits: NDArray[np.uint8], missing_count: int, repeated_count: int) -> dict[str, Score]:
        scores = {}
        for dimension, bit in _BIT.items():
            passed, checked = int(((bits & bit) == 0).sum()), len(bits)
            if dimension == "completeness":
                # a repetition stands for no sample that is missing
                again = (bits & _BIT["uniqueness"]) != 0
                passed = int((((bits & bit) == 0) & ~again).sum())
                checked = len(bits) - repeated_count + missing_count
            scores[dimension] = Score(passed, checked)
        if self._rules.series is None or not self._rules.series.time:
            scores["timeliness"] = Score(0, 0)
        if self._rules.series is None:
            scores["uniqueness"] = Score(0, 0)
        return scores

    def _entry(self, broken: _Broken) -> _Broken:
        return self._broken.setdefault((broken.column, broken.rule), broken)

    def _count(self, broken: _Broken, rows: NDArray[np.intp], batch: _Batch, looked_at: Sequence[str]) -> None:
        if not len(rows):
            return
        broken.rows_count += len(rows)
        if broken.scored:
            batch.bits[rows] |= _BIT[broken.dimension]
        series, identity = self._rules.series, list[str]()
        if series:
            broken.whose |= _distinct([batch.columns[name][rows] for name in series.key])
            identity = [*series.key, *filter(None, [series.time])]
        for row in rows[: EXAMPLES_COUNT - len(broken.examples)]:
            values = {name: _plain(batch.columns[name][row]) for name in dict.fromkeys((*identity, *looked_at))}
            told = {name: value for name, value in values.items() if value != ""}  # no labels that nobody set
            broken.examples += (Example(batch.file, batch.first_row + int(row), told),)

    def _place(self, row: int) -> tuple[str, int]:
        at = int(np.searchsorted([start for start, _, _ in self._batches], row, side="right")) - 1
        start, file, first_row = self._batches[at]
        return file, first_row + row - start

    def _finding(self, broken: _Broken) -> Finding:
        return Finding(
            broken.dimension,
            self._rules.name,
            broken.column,
            broken.rule,
            broken.text,
            broken.rows_count,
            self.rows_count,
            series_count=len(broken.whose),
            hard=broken.hard,
            scored=broken.scored,
            examples=broken.examples,
        )


def _distinct(columns: Sequence[NDArray[Any]]) -> set[tuple[Any, ...]]:
    """The rows that occur."""
    return set(pd.MultiIndex.from_arrays(columns).unique()) if len(columns) > 1 else {(one,) for one in pd.unique(columns[0])}


def _plain(value: Any) -> float | int | str | None:
    """A value as JSON holds it."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    if isinstance(value, np.floating):
        return float(f"{value:.6g}")
    plain: float | int | str = value.item() if isinstance(value, np.generic) else value
    return plain
