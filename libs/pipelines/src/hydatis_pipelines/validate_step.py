"""The step that stands before all training: raw data are checked, and a gate that is missed is a result that stops the rest.

A missed gate is no error of this step. It did its work, and whoever runs it decides by ``passed``; data that cannot be read at all
are an error.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydatis_core.errors import InvalidValue

from hydatis_pipelines.progress import Progress

if TYPE_CHECKING:
    from hydatis_lifecycle.quality.gates import Gates
    from hydatis_lifecycle.quality.report import QualityReport

__all__ = ["check_trace", "read_gates", "validate"]


def validate(
    *, trace: str, data: Path, thresholds: Path | None, out: Path, progress: Progress, now_seconds: float | None = None
) -> dict[str, Any]:
    """Checks the raw files of a trace; writes the report as JSON, and beside it as a page."""
    from hydatis_pipelines.quality_page import quality_page
    from hydatis_pipelines.whole_files import write_whole

    gates = read_gates(thresholds)
    report = check_trace(trace, data, gates, progress, now_seconds)
    page = out.with_suffix(".html")
    write_whole(page, quality_page(report, gates).encode())
    write_whole(out, report.as_text().encode())
    return {
        "out": str(out),
        "page": str(page),
        "passed": report.passed,
        "digest": report.digest,
        "rows_count": report.rows_count,
        "scores": {name: score.ratio for name, score in report.scores.items()},
        "hard_failures": list(report.hard_failures),
        "soft_failures": list(report.soft_failures),
    }


def check_trace(trace: str, data: Path, gates: Gates, progress: Progress, now_seconds: float | None = None) -> QualityReport:
    """The quality of a trace's raw files.

    Args:
        trace: its name.
        data: its folder, or one that holds a folder of its name.
        gates: what it must score.
        progress: told of rows.
        now_seconds: Unix time that nothing may be after; None: of the clock.

    Raises:
        InvalidValue: nobody has written rules for it.
        TraceRefused: a file is missing or damaged.
    """
    # pandas and pandera weigh half a second
    from hydatis_simulator.traces.folder import trace_folder

    from hydatis_pipelines.raw_quality.check import check
    from hydatis_pipelines.raw_quality.registry import rules_of

    folder = trace_folder(trace, data)
    now = time.time() if now_seconds is None else now_seconds
    tables = rules_of(trace, folder)
    return check(trace, tables, folder, gates=gates, now_seconds=now, told=lambda done, total: progress(done, total, "rows"))


def read_gates(thresholds: Path | None) -> Gates:
    """Gates from a YAML file; without one the usual ones.

    Raises:
        InvalidValue: the file cannot be read, or says something that is no gate.
    """
    from hydatis_lifecycle.quality.gates import DEFAULT_GATES, gates_from

    if thresholds is None:
        return DEFAULT_GATES
    import yaml

    try:
        told = yaml.safe_load(thresholds.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        shown = f"{thresholds} cannot be read: {str(wrong).splitlines()[0]}"
        raise InvalidValue(shown, field="thresholds", expected="a YAML file of gates") from None
    return gates_from(told)
