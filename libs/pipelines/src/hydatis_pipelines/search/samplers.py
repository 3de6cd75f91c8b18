"""The algorithms of the experiments as Optuna's samplers and pruners: a table.

Optuna's own for all but two. Its Gaussian process needs torch, so the Bayesian one is ours. And a grid is put into the queue of the
study, cell by cell: Optuna's grid sampler may give one cell to two processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler

from hydatis_pipelines.search.expected_improvement_sampler import RANDOM_COUNT, ExpectedImprovementSampler
from hydatis_pipelines.search.experiments import Experiment
from hydatis_pipelines.search.space import Choice, Value, Whole

__all__ = ["pruner_of", "sampler_of", "suggest"]

#: Windows that every trial places.
_LEAST_WINDOWS = 2


def suggest(trial: optuna.Trial, experiment: Experiment) -> dict[str, Value]:
    """A trial's values. The budget is no draw: a trial has it whole unless it is pruned."""
    values: dict[str, Value] = {}
    for parameter in experiment.parameters:
        name = parameter.name
        if experiment.budget is not None and name == experiment.budget.parameter:
            values[name] = parameter.default
        elif isinstance(parameter, Choice):
            drawn = trial.suggest_categorical(name, parameter.values)
            values[name] = next(value for value in parameter.values if value == drawn)
        elif isinstance(parameter, Whole):
            values[name] = trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
        else:
            values[name] = trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
    return values


def sampler_of(experiment: Experiment, seed: int) -> BaseSampler:
    """The sampler of an experiment; processes of one search have different seeds."""
    makers: Mapping[str, Callable[[], BaseSampler]] = {
        "bayesian": lambda: ExpectedImprovementSampler(seed),
        "random": lambda: RandomSampler(seed=seed),
        "hyperband": lambda: RandomSampler(seed=seed),
        "cma-es": lambda: CmaEsSampler(seed=seed, n_startup_trials=1),
        "grid": lambda: RandomSampler(seed=seed),
        "tpe": lambda: TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=6),
    }
    return makers[experiment.algorithm]()


def pruner_of(experiment: Experiment) -> optuna.pruners.BasePruner:
    """Hyperband looks at budgets, the median rule at windows."""
    budget = experiment.budget
    if budget is not None:
        most = next(int(parameter.default) for parameter in experiment.parameters if parameter.name == budget.parameter)
        return optuna.pruners.HyperbandPruner(min_resource=budget.least, max_resource=most, reduction_factor=budget.eta)
    if experiment.pruned:
        return optuna.pruners.MedianPruner(n_startup_trials=RANDOM_COUNT, n_warmup_steps=_LEAST_WINDOWS)
    return optuna.pruners.NopPruner()
