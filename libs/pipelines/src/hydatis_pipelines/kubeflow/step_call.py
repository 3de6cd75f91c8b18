"""What a component does: it starts the step's own command, as a person would, and hands on what the step says.

The step is a process of its own, so it runs here, in a container and by hand alike; it ends with whoever started it, and all that
it says stands in a log of the run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydatis_core.errors import HydatisError

from hydatis_pipelines.progress import untold
from hydatis_pipelines.run_folder import RunFolder, home_of
from hydatis_pipelines.step_journal import RUNNING, StepEntry, read_journal, write_entry
from hydatis_pipelines.step_process import StepProcess

__all__ = ["call_step", "take_champion"]


def call_step(task: str, step: str, state: str, run: str, options: Mapping[str, Any], *, recorded: bool = True) -> dict[str, Any]:
    """Runs a step of a pipeline run.

    Args:
        task: its place in the pipeline: ``train-cpu-forecaster``.
        step: what runs: ``train-forecaster``.
        state: the state folder.
        run: identity of the run.
        options: of the step; None and "" are left out, so that a pipeline's parameters may say "as usual".
        recorded: whether the run's journal and the cache are told.

    Returns:
        What the step says.

    Raises:
        SystemExit: the step failed; its error is written on stderr.
    """
    folder = RunFolder(Path(state), run)
    told = {name: value for name, value in options.items() if value is not None and value != ""}
    if recorded:
        told |= {"journal": folder.journal, "task": task, "cache": home_of(folder.state).step_cache}
    log = folder.log(task)
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.time()
    try:
        with log.open("w") as file:
            result = StepProcess(step, told, file).wait(untold)
    except HydatisError as error:
        if recorded:
            _note_failure(folder, task, step, started, str(error))
        sys.stderr.write(f"{task}: {error}; log: {log}\n")
        raise SystemExit(1) from None
    sys.stdout.write(f"{task}: {'restored' if result.get('cached') else 'done'} in {result.get('seconds', 0.0):.1f} s\n")
    return result


def take_champion(name: str, state: str, run: str, out: str) -> None:
    """The current version of a model in the place of one that is not trained; the task says so.

    A component chooses between the two, and no branch of the graph: kfp.local 2.17 cannot bring artifacts of two branches together.
    """
    call_step(f"take-{name}", "take-champion", state, run, {"name": name, "models_dir": f"{state}/models", "out": out})


def _note_failure(folder: RunFolder, task: str, step: str, started: float, error: str) -> None:
    """A step that was killed could not say so itself."""
    known = {entry.task: entry for entry in read_journal(folder.journal)}
    entry = known.get(task, StepEntry(task, step, RUNNING, started))
    if entry.status == RUNNING:
        write_entry(folder.journal, entry.failed(error, time.time() - entry.started_seconds))
