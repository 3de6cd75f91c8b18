"""What each step of a run did: an entry is there when the step begins, and is replaced when it ends.

A step that is killed leaves its entry as "running", so the report can name it; nothing else of a killed process could. Entries hold
all that lineage needs, so that the records are written once, at the end of the run, by one process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord

from hydatis_pipelines.whole_files import write_whole

__all__ = ["DONE", "FAILED", "RUNNING", "StepEntry", "read_journal", "write_entry"]

RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass(frozen=True, slots=True)
class StepEntry:
    """One step of one run."""

    task: str
    """Its place in the pipeline: ``train-cpu-forecaster``."""
    step: str
    """What ran: ``train-forecaster``."""
    status: str
    """RUNNING, DONE or FAILED."""
    started_seconds: float
    """Unix time."""
    seconds: float = 0.0
    """How long it took."""
    cached: bool = False
    cache_refusal: str = ""
    """Why a cache entry that was there was not taken."""
    error: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Entity, ...] = ()
    outputs: tuple[Entity, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    code_version: str = ""

    def failed(self, error: str, seconds: float) -> StepEntry:
        """The same after it failed."""
        return replace(self, status=FAILED, error=error, seconds=seconds)

    def record(self, run: str) -> StepRecord | None:
        """Its lineage; None: it made nothing."""
        if self.status != DONE or not self.outputs:
            return None
        return StepRecord(
            step=self.step,
            run=run,
            inputs=self.inputs,
            outputs=self.outputs,
            started_seconds=self.started_seconds,
            ended_seconds=self.started_seconds + self.seconds,
            parameters=self.parameters,
            code_version=self.code_version,
            cached=self.cached,
        )


def write_entry(journal: Path, entry: StepEntry) -> None:
    """Writes an entry, replacing that of the same task."""
    value = asdict(entry)
    for side in ("inputs", "outputs"):
        value[side] = [asdict(one) | {"kind": one.kind.value} for one in getattr(entry, side)]
    write_whole(journal / f"{entry.task}.json", json.dumps(value, indent=1, default=str).encode())


def read_journal(journal: Path) -> tuple[StepEntry, ...]:
    """The entries of a run in the order in which they began; empty: no step began.

    Raises:
        ArtifactRefused: a file is no entry.
    """
    entries = [_read(path) for path in sorted(journal.glob("*.json"))]
    return tuple(sorted(entries, key=lambda entry: entry.started_seconds))


def _read(path: Path) -> StepEntry:
    try:
        value = json.loads(path.read_text())
        for side in ("inputs", "outputs"):
            value[side] = tuple(Entity(**{**one, "kind": EntityKind(one["kind"])}) for one in value[side])
        return StepEntry(**value)
    except (OSError, ValueError, TypeError, KeyError) as wrong:
        raise ArtifactRefused(f"{path} is no entry: {wrong}", field="journal", expected="what a step wrote") from None
