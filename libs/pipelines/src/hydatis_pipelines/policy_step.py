"""train-policy: Q-learning in the simulator on the earlier days, compared on the later ones with what does not learn.

What is learned is added to what greedy says, and has to beat it on days that it has not seen: where it does not, a function that
adds nothing is published, so that the full rung is not made worse than the one below it. The figures of both stand in the manifest,
whatever they are, and so does the learning curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Protocol

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.event_time import HOUR_SECONDS
from hydatis_core.nodes import Node
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.outlook import Outlook, outlook
from hydatis_forecasting.rolling_calibration import RollingCalibration
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import zero_q_function
from hydatis_placement.q_learning import LearningSettings
from hydatis_simulator.policy_training import compare_policies, train_policy
from hydatis_simulator.trace import Trace
from hydatis_simulator.trace_window import window
from numpy.typing import NDArray

from hydatis_pipelines.dataset_step import SCRAPE_DELAY_SECONDS, TICK_SECONDS
from hydatis_pipelines.effort import Effort
from hydatis_pipelines.forecaster_step import JUDGED_SHARE
from hydatis_pipelines.progress import Progress, scaled, untold
from hydatis_pipelines.trained_model import TrainedModel, known_figures

__all__ = ["COMPARED_FIGURES", "TableForecaster", "forecast_with", "train_placement_policy"]

#: What of an outcome stands in the manifest, per policy.
COMPARED_FIGURES = (
    "cpu_overload_node_time_ratio",
    "memory_overload_node_time_ratio",
    "cpu_imbalance_std_ratio",
    "cpu_load_p99_ratio",
    "throttled_core_seconds",
    "oom_count",
    "pending_count",
)
#: Share of the progress at which learning ends; the comparison is the rest.
_LEARNING_SHARE = 0.75


class TableForecaster(Protocol):
    """Forecasts of one resource from a node table, as ``QuantileForecaster`` makes them."""

    def predict_table(self, table: NodeTable) -> NDArray[np.float32]:
        """shape (nodes, 12), float32."""
        ...


def forecast_with(cpu: TableForecaster, memory: TableForecaster) -> Callable[[NodeTable], Outlook]:
    """The outlook as the stack computes it: both forecasters over the node table, and each node's corrections.

    It learns from the tables it is asked of, so it is for one replay after the other and not for two at once.
    """
    calibration = RollingCalibration()

    def forecast(table: NodeTable) -> Outlook:
        values = np.concatenate([cpu.predict_table(table), memory.predict_table(table)], axis=1)
        return outlook(ForecastTable(table.generation, calibration.corrected(table, values)))

    return forecast


def train_placement_policy(
    trace: Trace,
    nodes: Sequence[Node],
    *,
    dataset_version: str,
    training_run: str,
    seed: int,
    effort: Effort,
    forecaster: Callable[[NodeTable], Outlook] | None = None,
    progress: Progress = untold,
) -> TrainedModel:
    """Learns and compares.

    Args:
        trace: the training days; their last fifth is kept for the comparison.
        nodes: the cluster.
        dataset_version: digest of the workload.
        training_run: identity of the run.
        seed: of everything random.
        effort: how much.
        forecaster: what the policy will see of the future; None: persistence.
        progress: told after each episode and replay.

    Raises:
        InvalidValue: a trace too short, or with too few pods to learn from.
    """
    length = trace.end_seconds - trace.start_seconds
    learned_until = trace.start_seconds + (1 - JUDGED_SHARE) * length
    episodes = _windows(trace, learned_until, effort.episode_hours * HOUR_SECONDS)
    decisions_count = effort.episodes * min(len(part.pods) for part in episodes)
    settings = LearningSettings(warm_up=max(10, min(LearningSettings().warm_up, decisions_count // 4)))
    total = 1000
    turn = round(_LEARNING_SHARE * total)
    function, curve = train_policy(
        episodes,
        nodes,
        seed=seed,
        episodes=effort.episodes,
        progress=scaled(progress, 0, turn, total, "learning: "),
        forecaster=forecaster,
        settings=settings,
        tick_seconds=TICK_SECONDS,
        scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
    )
    last = min(trace.end_seconds, learned_until + effort.compare_hours * HOUR_SECONDS)
    comparison = compare_policies(
        function,
        [window(trace, learned_until, last, spread_seconds=min(HOUR_SECONDS, (last - learned_until) / 4))],
        nodes,
        seeds=(seed,),
        forecaster=forecaster,
        tick_seconds=TICK_SECONDS,
        scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
        progress=scaled(progress, turn, total, total, "comparing: "),
    )
    progress(total, total, "placement policy trained")
    names = [figure for figure in COMPARED_FIGURES if figure in comparison.outcomes["stock"][0].figures]
    figures = {f"{policy}_{name}": comparison.mean(policy, name) for policy in comparison.outcomes for name in names}
    figures |= {f"last_{name}": curve[-1][name] for name in ("reward_mean", "loss_mean")}
    figures["prefer_learned"] = float(comparison.prefers_learned)
    published = function if comparison.prefers_learned else zero_q_function(function.input_count)
    return TrainedModel(
        name="placement-policy",
        kind="q_function",
        columns=COLUMN_DEFINITIONS,
        outputs=("q",),
        files=published.to_files(),
        dataset_version=dataset_version,
        training_run=training_run,
        metrics=known_figures(figures),
        parameters={
            "seed": seed,
            "effort": effort.name,
            "episodes": effort.episodes,
            "forecast": "persistence" if forecaster is None else "models",
            **asdict(settings),
            "learning_curve": _plain(curve),
        },
    )


def _plain(curve: Sequence[Mapping[str, float]]) -> list[dict[str, float | None]]:
    """A learning curve for a manifest, which holds no NaN: None stands for what there was not yet."""
    return [{name: value if np.isfinite(value) else None for name, value in row.items()} for row in curve]


def _windows(trace: Trace, until_seconds: float, length_seconds: float) -> list[Trace]:
    """Consecutive windows before a moment, those with pods; the last may be longer, never shorter than the length."""
    span = until_seconds - trace.start_seconds
    count = max(1, int(span // length_seconds))
    edges = [trace.start_seconds + span * i / count for i in range(count + 1)]
    # Edges fall on steps, so that no step is in two windows.
    edges = [trace.start_seconds + round((edge - trace.start_seconds) / trace.step_seconds) * trace.step_seconds for edge in edges]
    windows = []
    for first, last in pairwise(edges):
        try:
            windows.append(window(trace, first, last, spread_seconds=min(HOUR_SECONDS, (last - first) / 4)))
        except InvalidValue:
            continue  # no pod runs in it: there is nothing to place
    if not windows:
        raise InvalidValue("no pod runs in the training days", field="trace", expected="pods to place")
    return windows
