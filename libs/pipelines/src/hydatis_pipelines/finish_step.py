"""finish: the last step of every run, whatever became of the others: lineage, report and summary.

One process writes all records of a run, so that no step waits for the database of another; the journal holds what it needs, so that
it can be run again when the database was not there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydatis_core.errors import HydatisError
from hydatis_lifecycle.lineage.deployment import deployment_record
from hydatis_lifecycle.lineage.record import StepRecord

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_events import tell_run
from hydatis_pipelines.run_folder import RunFolder, home_of
from hydatis_pipelines.run_report import report_of, summary_of
from hydatis_pipelines.step_journal import DONE, StepEntry, read_journal
from hydatis_pipelines.whole_files import write_whole

__all__ = ["SERVING", "finish"]

#: What servers of the state folder load: where a registered version is deployed to.
SERVING = "serving"


def finish(*, state: Path, run: str, progress: Progress) -> dict[str, Any]:
    """Writes the run's lineage, its report and its summary.

    Raises:
        HydatisError: lineage could not be written; the report is there all the same and says so.
    """
    begun = time.time()
    folder = RunFolder(state, run)
    entries = read_journal(folder.journal)
    started = json.loads(folder.start_file.read_text()) if folder.start_file.exists() else {}
    records, problem = _records(run, entries), None
    try:
        from hydatis_lifecycle.adapters.lineage_store import LineageStore

        store = LineageStore(home_of(state).catalogue_url)
        for done, record in enumerate(records, 1):
            store.add(record)
            progress(done, len(records), record.step)
    except HydatisError as wrong:
        problem = wrong
    events_errors = list(tell_run(run, entries, home_of(state)))
    now = time.time()
    report = report_of(run, started, (*entries, StepEntry("finish", "finish", DONE, begun, seconds=now - begun)), now)
    report["lineage_records_count"] = 0 if problem else len(records)
    report["lineage_error"] = str(problem) if problem else ""
    report["events_errors"] = events_errors
    write_whole(folder.report, (json.dumps(report, indent=1) + "\n").encode())
    write_whole(folder.summary, summary_of(report).encode())
    if problem is not None:
        raise problem
    return {"out": str(folder.report), "status": report["status"], "lineage_records_count": len(records)}


def _records(run: str, entries: Sequence[StepEntry]) -> list[StepRecord]:
    """What each step read and made, and that what was registered serves from then on."""
    records = [record for entry in entries if (record := entry.record(run)) is not None]
    served = [(record, made) for record in records if record.step == "register" for made in record.outputs]
    for record, made in served:
        records.append(deployment_record(made, SERVING, at_seconds=record.ended_seconds, run=run, code_version=record.code_version))
    return records
