"""The six searches as a table: what each varies, by which algorithm, and how often. Neither engine is named here.

Every search maximises ``business_roi_score`` (``hydatis_lifecycle.business_objective``) of a simulated placement of the validation
windows. The others of ``FIGURES`` are recorded beside it and make the Pareto front; pruning looks at the objective alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue
from hydatis_placement.q_learning import LearningSettings
from hydatis_placement.reward import RewardWeights

from hydatis_pipelines.search.space import Choice, Parameter, Real, Value, Whole

__all__ = ["EXPERIMENTS", "FIGURES", "OBJECTIVE", "Budget", "Experiment", "columns_hidden", "experiment_named"]

#: What every search maximises.
OBJECTIVE = "business_roi_score"
#: Figures of a trial, as they are printed -> whether higher is better.
FIGURES: Mapping[str, bool] = {
    OBJECTIVE: True,
    "cpu_accuracy": True,
    "availability": True,
    "cost": False,
}


@dataclass(frozen=True, slots=True)
class Budget:
    """A parameter that says how much a trial may cost (Hyperband)."""

    parameter: str
    least: int
    eta: int
    """Of eta trials one goes on, with eta times the budget."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One search.

    Raises:
        InvalidValue: a grid that is not of choices, or of another size than the number of trials.
    """

    name: str
    text: str
    """What is tuned, in a sentence."""
    algorithm: str
    """bayesian, random, hyperband, cma-es, grid or tpe."""
    trials: int
    parameters: tuple[Parameter, ...]
    parallel: int = 2
    """Trials at once."""
    goal: float | None = None
    """Score at which a search may end early; None: none is known beforehand."""
    budget: Budget | None = None
    pruned: bool = False
    """Whether a trial ends early when its first windows are worse than the median of the others'."""

    def __post_init__(self) -> None:
        if self.algorithm == "grid":
            cells = math.prod(len(one.values) if isinstance(one, Choice) else 0 for one in self.parameters)
            if cells != self.trials:
                raise InvalidValue(f"a grid of {cells} cells in {self.trials} trials", field="trials", expected=f"{cells} trials")

    @property
    def defaults(self) -> dict[str, Value]:
        """What is used without a search."""
        return {parameter.name: parameter.default for parameter in self.parameters}


_TREES: tuple[Parameter, ...] = (
    Whole("rounds", 10, 80, 60, log=True),
    Whole("max_depth", 2, 7, 6),
    Real("learning_rate", 0.03, 0.4, 0.1, log=True),
    Real("min_leaf_rows", 5.0, 200.0, 20.0, log=True),
    Real("row_share", 0.5, 1.0, 0.8),
    Real("column_share", 0.3, 1.0, 0.8),
    Real("l2", 0.1, 30.0, 1.0, log=True),
)
_SETTINGS = LearningSettings()
_LEARNING: tuple[Parameter, ...] = (
    Real("learning_rate", 1e-4, 1e-2, _SETTINGS.learning_rate, log=True),
    Real("weight_decay", 0.1, 100.0, _SETTINGS.weight_decay, log=True),
    Real("discount", 0.0, 0.6, _SETTINGS.discount),
    Whole("others_per_decision", 0, 8, _SETTINGS.others_per_decision),
    Whole("steps_per_decision", 1, 4, _SETTINGS.steps_per_decision),
    Choice("batch_size", (64, 128, 256), _SETTINGS.batch_size),
    Whole("episodes", 1, 9, 9),
)
_WEIGHTS = RewardWeights()
_REWARD: tuple[Parameter, ...] = tuple(
    Real(name, low, high, getattr(_WEIGHTS, name), log=True)
    for name, low, high in (
        ("cpu_overload", 0.2, 5.0),
        ("memory_overload", 0.4, 10.0),
        ("fragmentation", 0.02, 2.0),
        ("objective", 0.2, 5.0),
    )
)
_FOREST: tuple[Parameter, ...] = (
    Choice("tree_count", (50, 100, 200), 100),
    Choice("rows_per_tree", (128, 256), 256),
    Choice("input_share", (0.5, 1.0), 1.0),
    Choice("stretched_share", (0.0, 0.2), 0.2),
)
#: Groups of what the CPU forecaster sees -> columns of the node table. What its unit is made of (the newest use, spread and mean
#: of a day, spread of an hour) is in no group.
COLUMN_GROUPS: Mapping[str, frozenset[str]] = {
    group: frozenset(f"{prefix}{name}" for name in names.split())
    for group, prefix, names in (
        ("quarter_hour", "cpu_used_", "mean_15m_ratio max_15m_ratio ewma_30m_ratio change_15m_ratio"),
        ("hour_levels", "cpu_used_", "mean_1h_ratio max_1h_ratio min_1h_ratio p50_1h_ratio p95_1h_ratio lag_1h_ratio"),
        ("hour_spreads", "cpu_used_", "slope_1h_ratio_per_hour volatility_1h_ratio burstiness_1h"),
        ("six_hours", "cpu_used_", "mean_6h_ratio max_6h_ratio"),
        ("day", "cpu_used_", "max_24h_ratio p50_24h_ratio p95_24h_ratio lag_24h_ratio"),
        ("yesterday", "cpu_used_", "max_next_hour_yesterday_ratio"),
        ("calendar", "hour_of_day_", "sin cos"),
        ("memory", "memory_used_", "mean_15m_ratio mean_1h_ratio mean_6h_ratio lag_24h_ratio change_15m_ratio"),
    )
}
_COLUMNS: tuple[Parameter, ...] = tuple(Choice(group, (False, True), True) for group in COLUMN_GROUPS)


def columns_hidden(values: Mapping[str, Value]) -> frozenset[str]:
    """Columns of the node table that a CPU forecaster does not see: those of the groups that are left out."""
    return frozenset().union(*(columns for group, columns in COLUMN_GROUPS.items() if not values[group]))


EXPERIMENTS: Mapping[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment("xgboost-cpu", "Trees of the CPU forecaster.", "bayesian", 50, _TREES, pruned=True),
        Experiment("xgboost-memory", "Trees of the memory forecaster.", "random", 25, _TREES),
        Experiment(
            "placement-policy",
            "How the placement policy learns.",
            "hyperband",
            40,
            _LEARNING,
            budget=Budget("episodes", least=1, eta=3),
        ),
        Experiment("reward-weights", "What the reward of the placement policy weighs.", "cma-es", 20, _REWARD),
        Experiment("isolation-forest", "How the anomaly detector's forest is grown.", "grid", 24, _FOREST),
        Experiment("feature-selection", "Which groups of columns the CPU forecaster sees.", "tpe", 20, _COLUMNS, pruned=True),
    )
}
"""By name, in the order of tables."""


def experiment_named(name: str) -> Experiment:
    """The experiment of a name.

    Raises:
        InvalidValue: there is none.
    """
    if name not in EXPERIMENTS:
        raise InvalidValue(f"there is no experiment {name!r}", field="experiment", expected=", ".join(EXPERIMENTS))
    return EXPERIMENTS[name]
