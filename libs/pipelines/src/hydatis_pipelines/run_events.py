"""A run told to others: its journal as OpenLineage events.

Told at the end, by the process that writes the lineage; each event has the time at which it happened. Nothing that goes wrong here
fails a run: what was not told is said, and ``hydatis lineage export`` tells it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_lifecycle.lineage.record import EntityKind

from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.step_journal import DONE, StepEntry

if TYPE_CHECKING:
    from hydatis_lifecycle.lineage.dataset_facts import DatasetFacts
    from openlineage.client.event_v2 import RunEvent

__all__ = ["run_events", "tell_run"]


def tell_run(run: str, entries: Sequence[StepEntry], home: LifecycleHome) -> tuple[str, ...]:
    """Keeps a run's events in the lifecycle's file, and sends them where ``OPENLINEAGE_URL`` says; returns what went wrong."""
    from hydatis_lifecycle.adapters.openlineage_log import OpenLineageLog

    try:
        return OpenLineageLog(home.lineage_events, os.environ).tell(run_events(run, entries))
    except InvalidValue as wrong:
        return (str(wrong),)


def run_events(run: str, entries: Sequence[StepEntry]) -> list[RunEvent]:
    """START and COMPLETE of each step that is done, START and FAIL of each other, with what is known of what they read and made."""
    from hydatis_lifecycle.adapters.openlineage_events import BegunStep, failed_event, started_event, step_events

    facts = _facts(entries)
    events: list[RunEvent] = []
    for entry in entries:
        record = entry.record(run)
        if record is not None:
            events += step_events(record, facts)
        elif entry.status != DONE:
            begun = BegunStep(entry.step, run, entry.started_seconds, entry.inputs, entry.parameters, entry.code_version)
            ended = entry.started_seconds + entry.seconds
            events += [started_event(begun, facts), failed_event(begun, ended, entry.error or "it ended without a word")]
    return events


def _facts(entries: Sequence[StepEntry]) -> Mapping[str, DatasetFacts]:
    """By digest: how many rows a step made, and what validate found of what it read."""
    from hydatis_lifecycle.lineage.dataset_facts import DatasetFacts, facts_of_quality
    from hydatis_lifecycle.quality.report import QualityReport

    facts: dict[str, DatasetFacts] = {}
    for entry in entries:
        rows_count, bytes_count = entry.result.get("rows_count"), entry.result.get("bytes_count")
        if entry.step == "validate" and entry.status == DONE:
            try:
                found = facts_of_quality(QualityReport.from_json(json.loads(Path(entry.result["out"]).read_text())))
            except (OSError, ValueError, ArtifactRefused):
                continue  # the file of a restored step may be gone: then nothing is known
            facts |= {one.digest: found for one in entry.inputs if one.kind is EntityKind.DATASET}
        elif rows_count is not None or bytes_count is not None:
            facts |= {one.digest: DatasetFacts(rows_count=rows_count, bytes_count=bytes_count) for one in entry.outputs}
    return facts
