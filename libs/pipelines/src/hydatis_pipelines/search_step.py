"""The steps of a search: prepare its slice, run one trial, work on a study, judge parameters on time that no trial has seen.

``run-trial`` is what a cluster's trial is, and ``search-trials`` runs the same function under Optuna.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.whole_files import write_whole

__all__ = ["judge_parameters", "prepare_search", "run_trial", "search_trials"]


def prepare_search(*, trace: str, data: Path | None, size: str, seed: int, out: Path, progress: Progress) -> dict[str, Any]:
    """Cuts a slice of a trace for searches and computes what all trials share; finds it when it is there."""
    from hydatis_pipelines.search.slice import SIZES, make_slice

    folder = make_slice(trace, data, out, sizes=SIZES[size], seed=seed, progress=progress)
    return {"out": str(folder)}


def run_trial(
    *, slice: Path, experiment: str, parameter: Sequence[str] | None, seed: int, out: Path | None, progress: Progress
) -> dict[str, Any]:
    """Trains and judges one set of parameters; prints its figures as name=value lines."""
    from hydatis_pipelines.search import trial
    from hydatis_pipelines.search.experiments import experiment_named
    from hydatis_pipelines.search.slice import read_trace_slice
    from hydatis_pipelines.search.space import from_text

    chosen = experiment_named(experiment)
    values = from_text(chosen.parameters, parameter or ())
    of = read_trace_slice(slice)
    windows = len(of.windows("validation"))
    result = trial.run_trial(
        of, chosen, values, seed=seed, told=lambda window, score: progress(window, windows, f"score {score:+.4f} so far")
    )
    sys.stdout.write(trial.metric_lines(result))
    said = {"experiment": experiment, "parameters": values} | result.to_json()
    if out is not None:
        write_whole(out, (json.dumps(said, indent=1) + "\n").encode())
    return said


def search_trials(
    *, slice: Path, experiment: str, state: Path, trials: int, seed: int, worker: int, progress: Progress
) -> dict[str, Any]:
    """Works on a study that is begun: draws, runs and records so many trials."""
    from hydatis_pipelines.lifecycle_home import LifecycleHome
    from hydatis_pipelines.search.experiments import experiment_named
    from hydatis_pipelines.search.slice import read_trace_slice
    from hydatis_pipelines.search.study_trials import work_on

    url = LifecycleHome(state / "lifecycle", os.environ).search_url
    return {"trials_count": work_on(read_trace_slice(slice), experiment_named(experiment), url, trials, seed, worker, progress)}


def judge_parameters(
    *, slice: Path, experiment: str, parameter: Sequence[str] | None, seeds: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Trains with parameters under several seeds and places the windows that no search looks at."""
    from hydatis_pipelines.search import trial
    from hydatis_pipelines.search.experiments import experiment_named
    from hydatis_pipelines.search.slice import read_trace_slice
    from hydatis_pipelines.search.space import from_text

    chosen, of = experiment_named(experiment), read_trace_slice(slice)
    values = from_text(chosen.parameters, parameter or ())
    scores = []
    for number in range(seeds):
        result = trial.run_trial(of, chosen, values, seed=seed + number, part="test")
        scores.append(result.window_scores)
        progress(number + 1, seeds, f"score {result.score:+.4f}")
    return {"window_scores": scores}
