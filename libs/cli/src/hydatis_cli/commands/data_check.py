"""`hydatis data check`: whether raw data may be trained on, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from hydatis_core.errors import InvalidValue

from hydatis_cli.console import EXIT_OPERATIONAL, err, out, progress_bar
from hydatis_cli.options import DataOption

__all__ = ["check"]


def check(
    trace: Annotated[
        str,
        typer.Option(
            "--trace",
            help="bitbrains, planetlab, alibaba_2018, openb, alibaba_dlrm_2025, alibaba_genai_2026, smd, asd, nab;"
            " or collected: what hydatis collect wrote.",
        ),
    ] = "bitbrains",
    data: DataOption = None,
    thresholds: Annotated[
        Path | None, typer.Option("--thresholds", help="YAML with gates: {completeness: {hard_pct: 95, soft_pct: 99}}.")
    ] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON into this file.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report as a page into this file.")] = None,
) -> None:
    """Check raw data in five dimensions: every score with its counts, every finding with column, rule and rows.

    Exit code 1: a hard gate is missed, and training would stop. Example: hydatis data check --trace bitbrains --data ./traces
    """
    # pandas and pandera weigh half a second
    from hydatis_pipelines.quality_page import quality_page
    from hydatis_pipelines.validate_step import check_trace, read_gates
    from hydatis_pipelines.whole_files import write_whole

    from hydatis_cli.quality_tables import findings_table, scores_table

    if data is None:
        raise InvalidValue("there are no data to check", field="--data", expected="the folder of traces, or HYDATIS_DATA")
    gates = read_gates(thresholds)
    with progress_bar("check") as progress:
        found = check_trace(trace, data, gates, progress)
    if json_ is not None:
        write_whole(json_, found.as_text().encode())
    if report is not None:
        write_whole(report, quality_page(found, gates).encode())
    out.print(scores_table(found, gates))
    if found.findings:
        out.print(findings_table(found))
    for sentence in found.soft_failures:
        err.print(f"[yellow]warning:[/yellow] {sentence}", highlight=False, soft_wrap=True)
    for sentence in found.hard_failures:
        err.print(f"[red]training stops:[/red] {sentence}", highlight=False, soft_wrap=True)
    if not found.passed:
        raise typer.Exit(EXIT_OPERATIONAL)
