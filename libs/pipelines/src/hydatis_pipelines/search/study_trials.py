"""What one process does with a study: draw parameters, run the trial, record figures, prune; again and again."""

from __future__ import annotations

from collections.abc import Iterator

import optuna

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.search.experiments import Experiment
from hydatis_pipelines.search.samplers import suggest
from hydatis_pipelines.search.slice import Slice
from hydatis_pipelines.search.space import Value
from hydatis_pipelines.search.study import UNPRUNED, open_study, storage_errors, study_name
from hydatis_pipelines.search.trial import TrialResult, run_trial

__all__ = ["FIGURES_KEY", "WINDOWS_KEY", "work_on"]

#: Attributes of a trial in a study.
FIGURES_KEY, WINDOWS_KEY = "figures", "window_scores"
#: Samplers of one search draw apart: seed + worker x this.
_SEEDS_APART = 100_003


def work_on(of: Slice, experiment: Experiment, url: str, trials: int, seed: int, worker: int, progress: Progress) -> int:
    """Runs trials of a study, those in its queue first.

    Args:
        of: what is worked on.
        experiment: what is tuned.
        url: of the study's database.
        trials: how many; pruned ones count.
        seed: of the search.
        worker: number of this process among those that work on the study.
        progress: told after each trial.

    Returns:
        How many were run.
    """
    study = open_study(url, study_name(experiment, of.digest, seed), experiment, seed=seed + worker * _SEEDS_APART)
    done = 0

    def objective(trial: optuna.Trial) -> float:
        values = suggest(trial, experiment)
        run = _with_budgets if experiment.budget else _by_windows
        result = run(of, experiment, values, trial, seed)
        trial.set_user_attr(FIGURES_KEY, dict(result.figures))
        trial.set_user_attr(WINDOWS_KEY, list(result.window_scores))
        return result.score

    def told(_study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        nonlocal done
        done += 1
        shown = "pruned" if trial.value is None else f"{trial.value:+.4f}"
        progress(done, trials, f"trial {trial.number} {shown}")

    with storage_errors(url):
        study.optimize(objective, n_trials=trials, callbacks=[told])
    return done


def _by_windows(of: Slice, experiment: Experiment, values: dict[str, Value], trial: optuna.Trial, seed: int) -> TrialResult:
    def report(window: int, score: float) -> None:
        _report(trial, score, window)

    return run_trial(of, experiment, values, seed=seed, told=report)


def _with_budgets(of: Slice, experiment: Experiment, values: dict[str, Value], trial: optuna.Trial, seed: int) -> TrialResult:
    """Trains anew with each budget: what a cluster's Hyperband does too."""
    assert experiment.budget is not None, "only called for experiments with a budget"
    for budget in _budgets(experiment):
        result = run_trial(of, experiment, values | {experiment.budget.parameter: budget}, seed=seed)
        _report(trial, result.score, budget)
    return result


def _report(trial: optuna.Trial, score: float, step: int) -> None:
    trial.report(score, step)
    if trial.should_prune() and UNPRUNED not in trial.user_attrs:
        raise optuna.TrialPruned


def _budgets(experiment: Experiment) -> Iterator[int]:
    """The least, eta times it, and so on up to the whole."""
    assert experiment.budget is not None, "only asked of experiments with a budget"
    whole = int(experiment.defaults[experiment.budget.parameter])
    budget = experiment.budget.least
    while budget < whole:
        yield budget
        budget *= experiment.budget.eta
    yield whole
