"""What a search came to: its trials, its best one beside the defaults, and the front that nothing beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import optuna
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.pareto import pareto_front
from optuna.trial import FrozenTrial, TrialState

from hydatis_pipelines.search.comparison import Gain, gain
from hydatis_pipelines.search.experiments import FIGURES, Experiment
from hydatis_pipelines.search.space import Value
from hydatis_pipelines.search.study_trials import FIGURES_KEY, WINDOWS_KEY

__all__ = ["SearchReport", "TrialRow", "best_trial", "report_of", "values_of"]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial."""

    number: int
    state: str
    """complete, pruned or fail."""
    parameters: Mapping[str, Value]
    figures: Mapping[str, float]
    """Empty unless it is complete."""
    window_scores: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class SearchReport:
    """One search."""

    experiment: str
    algorithm: str
    trials: tuple[TrialRow, ...]
    default_number: int
    """Trial of the defaults."""
    best_number: int
    """Trial with the highest objective."""
    front: tuple[int, ...]
    """Trials that no other beats in all of ``FIGURES``."""
    validation: Gain
    """Of the best over the defaults, in the very windows that chose it."""
    test: Gain | None
    """The same on later windows that nothing chose by, trained under other seeds too; None: the defaults won."""
    seconds: float
    """Of trials, one after the other."""

    @property
    def best(self) -> TrialRow:
        """The best trial."""
        return self._numbered(self.best_number)

    @property
    def default(self) -> TrialRow:
        """The trial of the defaults."""
        return self._numbered(self.default_number)

    def count(self, state: str) -> int:
        """Trials of a state."""
        return sum(row.state == state for row in self.trials)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def _numbered(self, number: int) -> TrialRow:
        return next(row for row in self.trials if row.number == number)


def values_of(trial: FrozenTrial, experiment: Experiment) -> dict[str, Value]:
    """All values of a trial; a budget is no draw, and is the whole one."""
    return experiment.defaults | trial.params


def best_trial(study: optuna.Study) -> FrozenTrial:
    """The complete trial with the highest objective; the first of equals.

    Raises:
        InvalidValue: none is complete.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        raise InvalidValue(f"search {study.study_name} has no complete trial", field="trials", expected="more of them")
    return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))


def default_trial(study: optuna.Study, experiment: Experiment) -> FrozenTrial:
    """The trial of the defaults."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found = next((trial for trial in complete if values_of(trial, experiment) == experiment.defaults), None)
    if found is None:
        raise InvalidValue(f"search {study.study_name} has not tried the defaults", field="trials", expected="more of them")
    return found


def report_of(
    study: optuna.Study, experiment: Experiment, test: tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]] | None
) -> SearchReport:
    """The report of a study.

    Args:
        study: with the defaults and one more complete trial at least.
        experiment: what was tuned.
        test: scores in the windows of the test part, of the best and of the defaults; None: they are the same.
    """
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    rows = tuple(_row(trial, experiment) for trial in trials)
    complete = [row for row in rows if row.state == "complete" and set(FIGURES) <= set(row.figures)]
    values = [[row.figures[name] for name in FIGURES] for row in complete]
    front = pareto_front(values, tuple(FIGURES.values())).tolist() if values else []
    best, default = best_trial(study), default_trial(study, experiment)
    return SearchReport(
        experiment=experiment.name,
        algorithm=experiment.algorithm,
        trials=rows,
        default_number=default.number,
        best_number=best.number,
        front=tuple(complete[position].number for position in front),
        validation=gain([best.user_attrs[WINDOWS_KEY]], [default.user_attrs[WINDOWS_KEY]]),
        test=None if test is None else gain(*test),
        seconds=sum(row.seconds for row in rows),
    )


def _row(trial: FrozenTrial, experiment: Experiment) -> TrialRow:
    seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
    attributes = trial.user_attrs if trial.state == TrialState.COMPLETE else {}
    return TrialRow(
        trial.number,
        trial.state.name.lower(),
        values_of(trial, experiment),
        attributes.get(FIGURES_KEY, {}),
        tuple(attributes.get(WINDOWS_KEY, ())),
        round(seconds, 3),
    )
