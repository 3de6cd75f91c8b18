"""stop: what a pipeline does instead of training when a quality gate was missed: it says why, to people and to the run's report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydatis_lifecycle.quality.report import DIMENSIONS, QualityReport

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.whole_files import write_whole

__all__ = ["stop"]

#: Findings told; the quality report holds all of them.
FINDINGS_COUNT = 5


def stop(*, report: Path, out: Path, progress: Progress) -> dict[str, Any]:
    """Says which gates were missed, and which columns, rules and rows did it."""
    quality = QualityReport.from_json(json.loads(report.read_text()))
    missed = {dimension for dimension in DIMENSIONS if any(said.startswith(dimension) for said in quality.hard_failures)}
    guilty = [finding for finding in quality.findings if finding.hard or finding.dimension in missed]
    worst = sorted(guilty, key=lambda finding: (not finding.hard, -finding.rows_count))[:FINDINGS_COUNT]
    lines = [f"{quality.dataset}: not trained on, gates missed: {len(quality.hard_failures)}", *quality.hard_failures]
    for finding in worst:
        rows = ", ".join(f"{example.file}:{example.row}" for example in finding.examples[:3])
        where = f"{finding.table}.{finding.column}, rule {finding.rule}"
        lines.append(f"{where}: {finding.text} ({finding.rows_count} rows{f', such as {rows}' if rows else ''})")
    write_whole(out, ("\n".join(lines) + "\n").encode())
    progress(1, 1, "stopped at the quality gate")
    return {"out": str(out), "reasons": lines}
