"""Searches on one machine: what ``hydatis tune`` runs.

A study is begun here and worked on by processes of their own through its database, each with its share of the trials that are left.
When a process ends badly, or this one, what was done stays done; the same call with ``resume`` goes on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from hydatis_core.errors import InvalidValue

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.search.experiments import Experiment
from hydatis_pipelines.search.search_report import SearchReport, best_trial, default_trial, report_of, values_of
from hydatis_pipelines.search.slice import read_trace_slice
from hydatis_pipelines.search.space import Value
from hydatis_pipelines.search.study import alone, begin, finished, open_study, storage_errors, study_name
from hydatis_pipelines.step_process import StepProcess

__all__ = ["TEST_SEEDS_COUNT", "side_by_side", "tune"]

#: shape (seeds, windows).
Scores = Sequence[Sequence[float]]
#: Seeds under which the best and the defaults are trained for the test windows.
TEST_SEEDS_COUNT = 2


def tune(
    experiment: Experiment,
    folder: Path,
    url: str,
    *,
    state: Path,
    seed: int,
    trials: int | None,
    jobs: int,
    resume: bool,
    progress: Progress,
) -> SearchReport:
    """Runs a search to its end.

    Args:
        experiment: what is tuned.
        folder: of the slice, ``slice.make_slice``.
        url: of the database of studies.
        state: folder of everything HYDATIS keeps, which leads the processes to the same database.
        seed: of everything random.
        trials: how many in all; None: as the experiment says.
        jobs: processes at once.
        resume: whether to go on with a search that is there.
        progress: called with (trials done, trials in all, a few words), from this thread only.

    Raises:
        InvalidValue: no jobs or too few trials, or there is such a search and nobody said to go on.
        DependencyUnavailable: another process searches, a process died, or the database is locked or full.
    """
    wanted = experiment.trials if trials is None else trials
    if jobs < 1 or wanted < 2:
        raise InvalidValue(f"{jobs} jobs, {wanted} trials", field="--jobs, --trials", expected="1 job and 2 trials at least")
    name = study_name(experiment, read_trace_slice(folder).digest, seed)
    with alone(url) as exclusive, storage_errors(url):
        study = open_study(url, name, experiment, seed=seed)
        left = begin(study, experiment, wanted, resume=resume, shared=not exclusive)
        done = wanted - left
        common = {"slice": folder, "experiment": experiment.name, "seed": seed}
        shares = [left // jobs + (worker < left % jobs) for worker in range(jobs)]
        options = [
            common | {"state": state, "trials": share, "worker": len(finished(study)) + worker}
            for worker, share in enumerate(shares)
            if share
        ]
        counted = [0] * len(options)

        def told(worker: int, trials_done: int, _total: int, text: str) -> None:
            counted[worker] = trials_done
            progress(done + sum(counted), wanted, f"{experiment.name}: {text}")

        progress(done, wanted, experiment.name)
        side_by_side("search-trials", options, told)
        progress(wanted, wanted, f"{experiment.name}: judging on later windows")
        return report_of(study, experiment, _test_scores(study, experiment, common))


def _test_scores(study: optuna.Study, experiment: Experiment, common: Mapping[str, Any]) -> tuple[Scores, Scores] | None:
    """Scores of the best and of the defaults in the test windows; None: the defaults are the best."""
    best, default = best_trial(study), default_trial(study, experiment)
    if best.number == default.number:
        return None
    both = [values_of(trial, experiment) for trial in (best, default)]
    options = [dict(common) | {"parameter": _texts(values), "seeds": TEST_SEEDS_COUNT} for values in both]
    results = side_by_side("judge-parameters", options, lambda *_: None)
    return results[0]["window_scores"], results[1]["window_scores"]


def _texts(values: Mapping[str, Value]) -> list[str]:
    return [f"{name}={value!r}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()]


def side_by_side(
    step: str, options: Sequence[Mapping[str, Any]], told: Callable[[int, int, int, str], None]
) -> list[dict[str, Any]]:
    """Runs a step several times at once, each in a process of its own; all end when one fails.

    Args:
        step: its name.
        options: of each run.
        told: called with (run, done, total, text) from this thread.
    """
    events: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    running = {number: StepProcess(step, one) for number, one in enumerate(options)}
    results: dict[int, dict[str, Any]] = {}
    try:
        for number, process in running.items():
            threading.Thread(target=_watch, args=(number, process, events), daemon=True).start()
        while len(results) < len(running):
            number, event = events.get()
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, tuple):
                told(number, *event)
            else:
                results[number] = event
        return [results[number] for number in running]
    finally:
        for process in running.values():
            process.stop()


def _watch(number: int, process: StepProcess, events: queue.SimpleQueue[tuple[int, Any]]) -> None:
    try:
        events.put((number, process.wait(lambda *told: events.put((number, told)))))
    except BaseException as error:  # handed to the thread that waits, which raises it
        events.put((number, error))
