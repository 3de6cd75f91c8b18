"""A quality report on the terminal."""

from __future__ import annotations

from hydatis_lifecycle.quality.gates import Gates
from hydatis_lifecycle.quality.report import Example, QualityReport
from rich.markup import escape
from rich.table import Table

__all__ = ["findings_table", "scores_table"]


def scores_table(report: QualityReport, gates: Gates) -> Table:
    """Scores with their counts and gates."""
    table = Table(title=f"{report.dataset}: {report.rows_count:,} rows", title_justify="left")
    for name in ("dimension", "score", "passed", "checked", "stops below", "warns below"):
        table.add_column(name, justify="left" if name == "dimension" else "right")
    for name, score in report.scores.items():
        gate, percent = gates.dimensions[name], 100 * score.ratio
        colour = "red" if percent < gate.hard_pct else "yellow" if percent < gate.soft_pct else "green"
        shown = f"[{colour}]{percent:.2f} %[/{colour}]" if score.checked_count else "[dim]unchecked[/dim]"
        counts = (f"{score.passed_count:,}", f"{score.checked_count:,}")
        table.add_row(name, shown, *counts, f"{gate.hard_pct:g} %", f"{gate.soft_pct:g} %")
    return table


def findings_table(report: QualityReport) -> Table:
    """What was found, with the first example of each."""
    table = Table(title="Findings", title_justify="left")
    for name in ("rule", "column", "count", "what, and where to look first"):
        table.add_column(name, justify="right" if name == "count" else "left", overflow="fold")
    for one in report.findings:
        count = f"{one.rows_count:,}" + ("" if one.counted == "rows" else f" {one.counted}") if one.rows_count else ""
        if one.series_count:
            count += f"\n[dim]{one.series_count:,} series[/dim]"
        rule = f"[red]{one.rule}[/red]" if one.hard else one.rule if one.scored else f"[dim]{one.rule}[/dim]"
        text = escape(one.text) + (f"\n[dim]{escape(_place(one.examples[0]))}[/dim]" if one.examples else "")
        table.add_row(f"{rule}\n[dim]{one.dimension}[/dim]", f"{one.table}\n{one.column}", count, text)
    return table


def _place(example: Example) -> str:
    values = ", ".join(f"{name} {'unknown' if value is None else value}" for name, value in example.values.items())
    return f"{example.file} row {example.row:,}: {values}"
