"""One trial: parameters in, figures out. The same in a pod of Katib, under Optuna, and by hand.

A candidate is made from the training part and places the windows of another part, one after the other. The score of a trial is the
mean of its windows' scores; after each window the mean so far is told, so that a hopeless trial can end early.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from hydatis_lifecycle.business_objective import business_roi_score

from hydatis_pipelines.search.candidates import CANDIDATES
from hydatis_pipelines.search.experiments import OBJECTIVE, Experiment
from hydatis_pipelines.search.simulated_placement import placed
from hydatis_pipelines.search.slice import Slice
from hydatis_pipelines.search.space import Value, in_space

__all__ = ["TrialResult", "metric_lines", "run_trial"]


@dataclass(frozen=True)
class TrialResult:
    """What a trial came to."""

    figures: Mapping[str, float]
    """``experiments.FIGURES`` by name, and the model's own; those that could not be measured are left out."""
    window_scores: tuple[float, ...]
    """Of each window, in order; their mean is the objective."""

    @property
    def score(self) -> float:
        """The objective."""
        return self.figures[OBJECTIVE]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def run_trial(
    of: Slice,
    experiment: Experiment,
    values: Mapping[str, Value],
    *,
    seed: int,
    part: str = "validation",
    told: Callable[[int, float], None] = lambda _window, _score: None,
) -> TrialResult:
    """Trains and judges.

    Args:
        of: what is worked on.
        experiment: what is tuned.
        values: parameters; those that are missing have their defaults.
        seed: of training and of tie-breaks.
        part: of the slice; a search judges on validation alone.
        told: called after each window with its number, from 1, and the mean score so far; what it raises ends the trial.

    Raises:
        InvalidValue: a value is out of the space, or the part is too short to train on.
    """
    candidate = CANDIDATES[experiment.name](of, in_space(experiment.parameters, values), seed)
    baselines = of.baselines_of(part, faulty=candidate.faulty)
    outcomes, seen, scores = [], [], []
    for number, (window, baseline) in enumerate(zip(of.windows(part, faulty=candidate.faulty), baselines, strict=True), start=1):
        policy = candidate.policy(window)
        outcome = placed(window, of.nodes, policy, [policy], seed=seed, cpu_accuracy_ratio=candidate.cpu_accuracy_ratio)
        outcomes.append(outcome)
        seen.append((policy, window))
        scores.append(business_roi_score(outcome, baseline))
        told(number, float(np.mean(scores)))
    figures = {
        OBJECTIVE: np.mean(scores),
        "cpu_accuracy": candidate.cpu_accuracy_ratio,
        "availability": np.mean([outcome.availability_ratio for outcome in outcomes]),
        "cost": np.sum([outcome.node_hours for outcome in outcomes]),
        "violation": np.average(
            [outcome.violation_ratio for outcome in outcomes], weights=[outcome.node_hours for outcome in outcomes]
        ),
        **candidate.own,
        **candidate.seen(seen),
    }
    known = {name: float(value) for name, value in figures.items() if np.isfinite(value)}
    return TrialResult(known, tuple(scores))


def metric_lines(result: TrialResult) -> str:
    """``name=value`` lines, as the metrics collector of Katib reads them from standard output.

    >>> metric_lines(TrialResult({"business_roi_score": -0.125, "cost": 310.5}, ()))
    'business_roi_score=-0.125000\\ncost=310.500000\\n'
    """
    return "".join(f"{name}={value:.6f}\n" for name, value in result.figures.items())
