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
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.manifest import MANIFEST_FILE

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_events import tell_run
from hydatis_pipelines.run_folder import RunFolder, home_of, models_of
from hydatis_pipelines.run_report import report_of, summary_of
from hydatis_pipelines.step_journal import DONE, StepEntry, read_journal
from hydatis_pipelines.whole_files import digest_of, write_whole

__all__ = ["SERVING", "artifact_entity", "finish"]

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
    records, problem = _records(run, entries, models_of(state)), None
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


def _records(run: str, entries: Sequence[StepEntry], models_dir: Path) -> list[StepRecord]:
    """What each step read and made, and what serves from then on: what was registered, and what was fallen back to."""
    records = [record for entry in entries if (record := entry.record(run)) is not None]
    for entry in entries:
        served = [made for made in entry.outputs if entry.step == "register"]
        changes = {name: said.partition(" -> ")[2] for name, said in entry.result.get("fell_back", {}).items()}
        served += [artifact_entity(models_dir, name, version) for name, version in changes.items() if version]
        ended, code = entry.started_seconds + entry.seconds, entry.code_version
        records += [deployment_record(made, SERVING, at_seconds=ended, run=run, code_version=code) for made in served]
    return records


def artifact_entity(models_dir: Path, name: str, version: str) -> Entity:
    """A published version as lineage knows it: by the digest of its manifest, which names those of its files."""
    return Entity(EntityKind.ARTIFACT, name, digest_of(models_dir / name / version / MANIFEST_FILE), version)
