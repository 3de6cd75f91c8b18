"""A pipeline run on this machine, as whoever started it sees it: which steps run, and what came of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydatis_core.errors import DependencyUnavailable, Duplicate

from hydatis_pipelines.progress import from_line
from hydatis_pipelines.run_folder import RunFolder
from hydatis_pipelines.step_journal import read_journal
from hydatis_pipelines.whole_files import write_whole

__all__ = ["StepView", "read_report", "run_pipeline"]

#: How often the journal is looked at, seconds.
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as it is now."""

    task: str
    status: str
    """``step_journal.RUNNING``, DONE or FAILED."""
    seconds: float
    """How long it took, or has run."""
    cached: bool
    text: str
    """What it last said of its progress."""


def run_pipeline(
    pipeline: str,
    arguments: Mapping[str, Any],
    folder: RunFolder,
    *,
    started_seconds: float,
    tell: Callable[[tuple[StepView, ...]], None],
) -> dict[str, Any]:
    """Runs a pipeline to its end.

    Args:
        pipeline: its name.
        arguments: of the pipeline; ``run`` and ``state`` are those of the folder.
        folder: of a run that was not yet.
        started_seconds: when whoever asks began, Unix time: the run's figures count from there.
        tell: told of all steps so far, a few times a second.

    Returns:
        The run's report, also of one that failed or was stopped at the quality gate.

    Raises:
        Duplicate: there is a run of that name.
        DependencyUnavailable: the engine failed where no step did; the message names its log.
    """
    if folder.root.exists():
        raise Duplicate(f"there is a run {folder.run}", field="run", expected="a name that was not used")
    told = {"pipeline": pipeline, "options": dict(arguments), "started_seconds": started_seconds}
    write_whole(folder.start_file, (json.dumps(told, indent=1, default=str) + "\n").encode())
    given = dict(arguments) | {"run": folder.run, "state": str(folder.state.resolve())}
    with folder.engine_log.open("wb") as log:
        engine = subprocess.Popen(  # nosec B603  # our own module, no shell
            [
                *(sys.executable, "-m", "hydatis_pipelines.kubeflow.local_engine", f"--pipeline={pipeline}"),
                *(f"--root={folder.outputs.resolve()}", f"--arguments={json.dumps(given, default=str)}"),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            while engine.poll() is None:
                tell(_views(folder))
                time.sleep(LOOK_SECONDS)
        finally:
            if engine.poll() is None:
                os.killpg(engine.pid, signal.SIGKILL)
            engine.wait()
            if engine.stdin is not None:
                engine.stdin.close()
    tell(_views(folder))
    report = read_report(folder) if folder.report.exists() else None
    if report is None or (engine.returncode and not report["failures"]):
        shown = f"the engine of run {folder.run} ended with code {engine.returncode}, and no step says why"
        raise DependencyUnavailable(shown, field="pipeline", expected=f"look into {folder.engine_log}")
    return report


def read_report(folder: RunFolder) -> dict[str, Any]:
    """The report of a run that ended.

    Raises:
        DependencyUnavailable: there is none.
    """
    try:
        report: dict[str, Any] = json.loads(folder.report.read_text())
    except (OSError, ValueError) as wrong:
        shown = f"run {folder.run} has no report: {wrong}"
        raise DependencyUnavailable(shown, field="run", expected="a run that ended") from None
    return report


def _views(folder: RunFolder) -> tuple[StepView, ...]:
    now = time.time()
    return tuple(
        StepView(
            entry.task,
            entry.status,
            entry.seconds or now - entry.started_seconds,
            entry.cached,
            _last_said(folder.log(entry.task)) if entry.status == "running" else entry.error,
        )
        for entry in read_journal(folder.journal)
    )


def _last_said(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - 4096, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    told = from_line(lines[-1]) if lines else None
    return f"{told[0]}/{told[1]} {told[2]}" if told else ""
