"""Checks the raw files of a data set by its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hydatis_core.errors import TraceRefused
from hydatis_lifecycle.datasets.manifest import DatasetManifest, FileEntry
from hydatis_lifecycle.quality.gates import DEFAULT_GATES, Gates
from hydatis_lifecycle.quality.report import DIMENSIONS, Finding, QualityReport, Score
from hydatis_lifecycle.quality.rules import TableRules
from hydatis_lifecycle.quality.table_check import TableCheck

from hydatis_pipelines.raw_quality.parquet_rows import ParquetRows
from hydatis_pipelines.whole_files import digest_of

__all__ = ["check"]


def check(
    name: str,
    tables: Sequence[TableRules],
    folder: Path,
    *,
    gates: Gates = DEFAULT_GATES,
    now_seconds: float | None = None,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> QualityReport:
    """Reads every table of a data set, batch by batch, and judges it.

    Args:
        name: of the data set.
        tables: its rules.
        folder: of its files.
        gates: what it must score.
        now_seconds: Unix time that nothing may be after; None: the future is not looked for.
        told: told of rows done and of all rows.

    Raises:
        TraceRefused: a table has no file, or a file is damaged.
    """
    files = {table.name: _files(table, folder) for table in tables}
    total = sum(rows.rows_count for opened in files.values() for _, rows in opened)
    digest = _digest(folder)
    checked: dict[str, list[Score]] = {dimension: [] for dimension in DIMENSIONS}
    findings: list[Finding] = []
    done = 0
    for table in tables:
        one = TableCheck(table, now_seconds)
        columns = [rule.name for rule in table.columns]
        for path, rows in files[table.name]:
            if not one.add_file(path.name, rows.empty()):
                continue
            for first_row, batch in rows.batches(columns):
                one.add(path.name, first_row, batch)
                told(done + one.rows_count, total)
        done += one.rows_count
        scores, found = one.result()
        findings += found
        for dimension, score in scores.items():
            checked[dimension].append(score)
    scores = {dimension: _sum(those) for dimension, those in checked.items()}
    order = list(DIMENSIONS)
    findings = sorted(map(gates.applied, findings), key=lambda one: (not one.hard, order.index(one.dimension), -one.rows_count))
    hard, soft = gates.failures(scores, findings)
    return QualityReport(name, digest, done, scores, tuple(findings), hard, soft)


def _digest(folder: Path) -> str:
    """The root digest that the folder has as a version of a dataset: of all its files, those that no rule is about, too."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    entries = [(path.relative_to(folder), path) for path in paths]
    visible = [(name, path) for name, path in entries if not any(part.startswith(".") for part in name.parts)]
    return DatasetManifest.of(
        FileEntry(name.as_posix(), digest_of(path).removeprefix("sha256:"), path.stat().st_size) for name, path in visible
    ).digest


def _files(table: TableRules, folder: Path) -> list[tuple[Path, ParquetRows]]:
    paths = sorted(folder.glob(table.files))
    if not paths:
        raise TraceRefused(f"{folder} has no {table.files}", field=table.name, expected=f"the files of {table.name} as Parquet")
    return [(path, ParquetRows(path)) for path in paths]


def _sum(scores: Sequence[Score]) -> Score:
    return Score(sum(one.passed_count for one in scores), sum(one.checked_count for one in scores))
