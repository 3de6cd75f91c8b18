"""Bayesian search as Optuna knows samplers: trials become points of the unit cube, and the most promising point becomes a trial.

Optuna's own Gaussian process needs torch, so this one stands on scikit-learn's (``expected_improvement``).
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
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from hydatis_pipelines.search.expected_improvement import most_promising

__all__ = ["RANDOM_COUNT", "ExpectedImprovementSampler"]

#: Random trials before a model of the score is any use.
RANDOM_COUNT = 10


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
        if not search_space or len(known) < RANDOM_COUNT:
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
