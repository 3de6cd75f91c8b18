"""From parameters to what is judged: each experiment's way to a policy that places with its model.

A model is trained by the step that trains it for service, on the training part alone; where it is not the policy itself, greedy
placement goes by it. The policy experiments see by persistence, so that a trial takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_anomaly.training import ForestParameters
from hydatis_features.table import NodeTable
from hydatis_forecasting import metrics
from hydatis_forecasting.dataset import build_dataset
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.targets import TARGETS
from hydatis_forecasting.training import TrainingParameters
from hydatis_placement.q_learning import LearningSettings
from hydatis_placement.reward import RewardWeights
from hydatis_simulator.learned_policy import InProcessPolicy, greedy_policy, learned_policy
from hydatis_simulator.policy_training import train_policy
from hydatis_simulator.trace_window import window
from numpy.typing import NDArray

from hydatis_pipelines.anomaly_step import train_anomaly
from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.forecaster_step import train_forecaster
from hydatis_pipelines.node_record import NodeRecord
from hydatis_pipelines.policy_step import TableForecaster, forecast_with
from hydatis_pipelines.search.experiments import columns_hidden
from hydatis_pipelines.search.simulated_placement import OBJECTIVE_WEIGHT, Window
from hydatis_pipelines.search.slice import Slice
from hydatis_pipelines.search.space import Value
from hydatis_pipelines.search.watched_policy import WatchedPolicy, fault_f1

__all__ = ["CANDIDATES", "Candidate", "Maker"]

_EFFORT = effort_named("demo")
#: Episodes of a trial of the reward's weights, and length of an episode.
_WEIGHTS_EPISODES, _EPISODE_SECONDS = 4, 8 * 3600.0
_TARGET = next(position for position, target in enumerate(TARGETS) if target.suffix == "max_3600s")


@dataclass(frozen=True)
class Candidate:
    """What a trial judges."""

    policy: Callable[[Window], InProcessPolicy]
    """A fresh one for a window."""
    cpu_accuracy_ratio: float
    """1 - WAPE of the CPU forecast it goes by: maximum of the next hour, validation part."""
    own: Mapping[str, float] = field(default_factory=dict)
    """Figures of the model itself, by name."""
    faulty: bool = False
    """Whether it places windows with faulty nodes."""
    seen: Callable[[Sequence[tuple[InProcessPolicy, Window]]], Mapping[str, float]] = lambda _: {}
    """Figures of the model over the windows it placed."""


#: From a slice, parameters and a seed to a candidate.
Maker = Callable[[Slice, Mapping[str, Value], int], Candidate]


def _trained_forecaster(record: NodeRecord, resource: str, values: Mapping[str, Value], of: Slice, seed: int) -> QuantileForecaster:
    given: dict[str, Any] = dict(values)
    trained = train_forecaster(
        record,
        resource,
        dataset_version=f"sha256:{of.digest}",
        training_run="search",
        seed=seed,
        effort=_EFFORT,
        parameters=TrainingParameters(**given),
    )
    return QuantileForecaster.from_files(dict(trained.files))


def _accuracy(record: NodeRecord, resource: str, model: QuantileForecaster | None) -> float:
    """1 - WAPE of the median of the next hour's maximum; None: of the last hour's maximum."""
    dataset = build_dataset(record.tables, record.history, resource, INPUT_COLUMNS)
    said = dataset.column(f"{resource}_used_max_1h_ratio") if model is None else model.predict(dataset.rows)[:, 2 * _TARGET]
    return metrics.accuracy(dataset.targets[:, _TARGET], said)


def _placing_by(cpu: TableForecaster, memory: TableForecaster) -> Callable[[Window], InProcessPolicy]:
    return lambda _: greedy_policy(forecaster=forecast_with(cpu, memory), objective_weight=OBJECTIVE_WEIGHT)


def _cpu(of: Slice, values: Mapping[str, Value], seed: int) -> Candidate:
    model = _trained_forecaster(of.training_record, "cpu", values, of, seed)
    return Candidate(_placing_by(model, of.memory), _accuracy(of.validation_record, "cpu", model))


def _memory(of: Slice, values: Mapping[str, Value], seed: int) -> Candidate:
    model = _trained_forecaster(of.training_record, "memory", values, of, seed)
    own = {"memory_accuracy": _accuracy(of.validation_record, "memory", model)}
    return Candidate(_placing_by(of.cpu, model), _accuracy(of.validation_record, "cpu", of.cpu), own)


def _columns(of: Slice, values: Mapping[str, Value], seed: int) -> Candidate:
    hidden = columns_hidden(values)
    record = _without(of.training_record, hidden)
    model = _trained_forecaster(record, "cpu", {}, of, seed)
    accuracy = _accuracy(_without(of.validation_record, hidden), "cpu", model)
    seen = sum(1 for name, _ in INPUT_COLUMNS if name not in hidden)
    return Candidate(_placing_by(_Blinkered(model, hidden), of.memory), accuracy, {"columns_count": float(seen)})


def _policy(of: Slice, values: Mapping[str, Value], seed: int) -> Candidate:
    given: dict[str, Any] = {name: value for name, value in values.items() if name != "episodes"}
    return _learned(of, LearningSettings(**given), RewardWeights(), int(values["episodes"]), seed)


def _weights(of: Slice, values: Mapping[str, Value], seed: int) -> Candidate:
    given: dict[str, Any] = dict(values)
    return _learned(of, LearningSettings(), RewardWeights(**given), _WEIGHTS_EPISODES, seed)


def _learned(of: Slice, settings: LearningSettings, weights: RewardWeights, episodes: int, seed: int) -> Candidate:
    first, last = of.span("train")
    length = min(_EPISODE_SECONDS, last - first)
    spread = of.sizes.warm_up_hours * 3600.0
    parts = [
        window(of.trace, float(at), float(at + length), spread_seconds=spread) for at in np.arange(first, last - length + 1, length)
    ]
    decisions = min(len(part.pods) for part in parts)
    settings = replace(settings, warm_up=max(10, min(settings.warm_up, decisions // 4)))
    function, curve = train_policy(parts, of.nodes, seed=seed, episodes=episodes, settings=settings, weights=weights)
    accuracy = _accuracy(of.validation_record, "cpu", None)
    return Candidate(
        lambda _: learned_policy(function, objective_weight=OBJECTIVE_WEIGHT), accuracy, {"last_reward": curve[-1]["reward_mean"]}
    )


def _forest(of: Slice, values: Mapping[str, Value], seed: int) -> Candidate:
    given: dict[str, Any] = dict(values)
    trained = train_anomaly(
        of.training_record,
        dataset_version=f"sha256:{of.digest}",
        training_run="search",
        seed=seed,
        effort=_EFFORT,
        parameters=ForestParameters(**given),
    )
    forest = IsolationForestArrays.from_files(dict(trained.files))
    return Candidate(
        lambda _: WatchedPolicy(forest),
        _accuracy(of.validation_record, "cpu", None),
        {"threshold": forest.threshold},
        faulty=True,
        seen=lambda placed: {"fault_f1": fault_f1(placed)},
    )


#: By name of the experiment.
CANDIDATES: Mapping[str, Maker] = {
    "xgboost-cpu": _cpu,
    "xgboost-memory": _memory,
    "placement-policy": _policy,
    "reward-weights": _weights,
    "isolation-forest": _forest,
    "feature-selection": _columns,
}


class _Blinkered:
    """A forecaster before which columns are hidden.

    Args:
        model: trained without them.
        hidden: names of columns of the node table.
    """

    def __init__(self, model: QuantileForecaster, hidden: frozenset[str]) -> None:
        self._model, self._hidden = model, hidden

    def predict_table(self, table: NodeTable) -> NDArray[np.float32]:
        """As the forecaster's own."""
        return self._model.predict_table(_hide(table, self._hidden))


def _without(record: NodeRecord, hidden: frozenset[str]) -> NodeRecord:
    """A record with columns unknown everywhere."""
    return replace(record, tables=tuple(_hide(table, hidden) for table in record.tables))


def _hide(table: NodeTable, hidden: frozenset[str]) -> NodeTable:
    values = table.values.copy()
    values[:, [table.column_index[name] for name in hidden]] = np.nan
    return replace(table, values=values)
