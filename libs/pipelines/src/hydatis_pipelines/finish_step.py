"""finish: the last step of every run, whatever became of the others: lineage, report and summary.

One process writes all records of a run, so that no step waits for the database of another; the journal holds what it needs, so that
it can be run again when the database was not there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from hydatis_core.errors import OperationalError

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_events import tell_run
from hydatis_pipelines.run_folder import RunFolder, home_of
from hydatis_pipelines.run_report import report_of, summary_of
from hydatis_pipelines.step_journal import DONE, StepEntry, read_journal
from hydatis_pipelines.whole_files import write_whole

__all__ = ["finish"]


def finish(*, state: Path, run: str, progress: Progress) -> dict[str, Any]:
    """Writes the run's lineage, its report and its summary.

    Raises:
        OperationalError: lineage could not be written; the report is there all the same and says so.
    """
    begun = time.time()
    folder = RunFolder(state, run)
    entries = read_journal(folder.journal)
    started = json.loads(folder.start_file.read_text()) if folder.start_file.exists() else {}
    problem: OperationalError | None = None
    records_count = 0
    try:
        from hydatis_lifecycle.adapters.lineage_store import LineageStore

        store = LineageStore(home_of(state).catalogue_url)
        for record in filter(None, (entry.record(run) for entry in entries)):
            store.add(record)
            records_count += 1
            progress(records_count, len(entries), record.step)
    except OperationalError as wrong:
        problem = wrong
    now = time.time()
    own = StepEntry("finish", "finish", DONE, begun, seconds=now - begun)
    report = report_of(run, started, (*entries, own), now)
    report["lineage_records_count"] = records_count
    report["lineage_error"] = str(problem) if problem else ""
    report["events_errors"] = list(tell_run(run, entries, home_of(state)))
    write_whole(folder.report, (json.dumps(report, indent=1) + "\n").encode())
    write_whole(folder.summary, summary_of(report).encode())
    if problem is not None:
        raise problem
    return {"out": str(folder.report), "status": report["status"], "lineage_records_count": records_count}
