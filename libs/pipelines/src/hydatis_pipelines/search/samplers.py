"""The algorithms of the experiments as Optuna's samplers and pruners: a table.

Optuna's own for all but two. Its Gaussian process needs torch, so the Bayesian one is ours, over scikit-learn's. And a grid is put
into the queue of the study, cell by cell: Optuna's grid sampler may give one cell to two processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from hydatis_core.seeds import generator
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from hydatis_pipelines.search.expected_improvement import most_promising
from hydatis_pipelines.search.experiments import Experiment
from hydatis_pipelines.search.space import Choice, Value, Whole

__all__ = ["ExpectedImprovementSampler", "pruner_of", "sampler_of", "suggest"]

#: Random trials before a model of the score is any use.
_RANDOM_COUNT = 10
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
        return optuna.pruners.MedianPruner(n_startup_trials=_RANDOM_COUNT, n_warmup_steps=_LEAST_WINDOWS)
    return optuna.pruners.NopPruner()


class ExpectedImprovementSampler(BaseSampler):
    """Random trials first, then those with the largest expected improvement.

    Args:
        seed: of everything random.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What earlier trials drew from."""
        return dict(optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False), include_pruned=True))

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """A whole point; empty while there are too few trials."""
        trials = [one for one in study.get_trials(deepcopy=False) if set(search_space) <= set(one.params)]
        known = [(one, score) for one in trials if (score := _score_of(one)) is not None]
        if not search_space or len(known) < _RANDOM_COUNT:
            return {}
        tried = np.stack([_point(one.params, search_space) for one, _ in known])
        scores = np.array([score for _, score in known])
        running = [
            _point(one.params, search_space) for one in trials if one.state == TrialState.RUNNING and one.number != trial.number
        ]
        chosen = most_promising(
            tried,
            scores,
            np.stack(running) if running else np.zeros((0, tried.shape[1])),
            random=generator(self._seed, f"search/expected-improvement/{trial.number}"),
        )
        return _params(chosen, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """At random."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _score_of(trial: FrozenTrial) -> float | None:
    """What a trial came to; a pruned one as far as it came."""
    if trial.state == TrialState.COMPLETE:
        return trial.value
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        return trial.intermediate_values[max(trial.intermediate_values)]
    return None


def _point(params: Mapping[str, Any], space: Mapping[str, BaseDistribution]) -> NDArray[np.float64]:
    """A point of the unit cube: an axis a number, an axis each value of a choice."""
    axes: list[float] = []
    for name, distribution in space.items():
        value = params[name]
        if isinstance(distribution, CategoricalDistribution):
            axes += [float(value == choice) for choice in distribution.choices]
        else:
            low, high, scale = _ends(distribution)
            axes.append((scale(value) - low) / (high - low))
    return np.array(axes)


def _params(point: NDArray[np.float64], space: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    axes = iter(point.tolist())
    for name, distribution in space.items():
        if isinstance(distribution, CategoricalDistribution):
            weights = [next(axes) for _ in distribution.choices]
            params[name] = distribution.choices[int(np.argmax(weights))]
            continue
        low, high, _ = _ends(distribution)
        params[name] = _value(low + next(axes) * (high - low), distribution)
    return params


def _value(scaled: float, distribution: Any) -> float:
    value = math.exp(scaled) if distribution.log else scaled
    inside: float = min(max(value, distribution.low), distribution.high)
    return round(inside) if isinstance(distribution, IntDistribution) else inside


def _ends(distribution: Any) -> tuple[float, float, Callable[[float], float]]:
    scale: Callable[[float], float] = math.log if distribution.log else float
    return scale(distribution.low), scale(distribution.high), scale
