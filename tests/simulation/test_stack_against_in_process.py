"""Nine processes place pods exactly as one process does with the same models.

This is what makes a month's evaluation in the simulator say something of the running system: table, forecast, risk, credits,
after-states, values, filter and scores are the same functions on both sides, and no wire, stream or cache between them may change
a placement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydatis_anomaly.confirmation import Confirmation
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_anomaly.trailing_threshold import TrailingThreshold
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.workloads import SCRAPE_DELAY_SECONDS, TICK_SECONDS, Workload, evaluation_workload
from hydatis_features.table import NodeTable
from hydatis_forecasting.model import QuantileForecaster
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_pipelines.policy_step import forecast_with
from hydatis_placement.after_state import SCHEMA, after_states, baseline
from hydatis_placement.q_function import EPSILON, QFunction
from hydatis_simulator.learned_policy import InProcessPolicy
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.policy import Policy, StockPolicy
from hydatis_simulator.replay import ReplayObserver, replay
from numpy.typing import NDArray

HOURS = 18
#: As anomaly-detector's setting confirm_ticks_count.
TICKS_TO_CONFIRM = 3


class Models:
    """The trained artifacts as functions, without any server."""

    def __init__(self, folder: Path) -> None:
        artifacts = ArtifactFolder(folder)
        policy = artifacts.load("placement-policy")
        self._q_function = QFunction.from_files(policy.files)
        self._q_columns = SCHEMA.positions(list(policy.manifest.columns))
        cpu, memory = (
            QuantileForecaster.from_files(dict(artifacts.load(name).files)) for name in ("cpu-forecaster", "memory-forecaster")
        )
        self.outlook = forecast_with(cpu, memory)
        self._forest = IsolationForestArrays.from_files(dict(artifacts.load("anomaly-detector").files))

    def risk(self, table: NodeTable) -> NDArray[np.float32]:
        """What the anomaly-detector says of a table."""
        known = {name: position for position, name in enumerate(table.columns)}
        return self._forest.risk(np.ascontiguousarray(table.values[:, [known[name] for name, _ in self._forest.columns]]))

    @property
    def threshold(self) -> float:
        """Risk at which a node is flagged."""
        return float(self._forest.threshold)

    def utility(self, *decision: Any, after: Any = None) -> NDArray[np.float32]:
        """What greedy says of each candidate, and what the policy adds."""
        states = after_states(*decision, after=after)
        return self._q_function.values(states[:, self._q_columns]) + baseline(states)


class InProcess(InProcessPolicy):
    """The simulator's learned policy, which knows no risk, with the risk that the stack has."""

    def __init__(self, models: Models) -> None:
        super().__init__("hydatis", models.utility, epsilon=EPSILON, forecaster=models.outlook)
        self._models = models
        self._confirmation = Confirmation(TICKS_TO_CONFIRM)
        self._trailing = TrailingThreshold()

    def on_tick(self, tick_time_seconds: float, *measured: Any) -> None:
        super().on_tick(tick_time_seconds, *measured)
        assert self._view is not None
        table = self._view.table
        risk = self._models.risk(table)
        confirmed = np.zeros(len(risk), dtype=np.bool_)
        thresholds = self._trailing.update(table.generation, risk, self._models.threshold, table.node_names)
        for node in self._confirmation.update(table.generation, risk, thresholds, table.node_names):
            confirmed[node.row] = node.confirmed and self._trailing.has_record[node.row]
        self._view = replace(self._view, risk=risk, confirmed=confirmed)


def played(workload: Workload, policy: Policy, observers: Sequence[ReplayObserver], seed: int = 5) -> Outcome:
    return replay(
        workload.trace,
        workload.nodes,
        policy,
        observers,
        seed=seed,
        tick_seconds=TICK_SECONDS,
        scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
        until=workload.trace.start_seconds + HOURS * 3600,
    )


def recorded(stack: Stack, uid: str) -> str:
    """What the shim says of its decision on a pod, for whoever must find out why it differs."""
    client = ExtenderClient(stack.extender_url)
    found = client.get_json(f"/decisions?pod={uid}&limit=1", timeout_seconds=30)["decisions"]
    client.close()
    return json.dumps(found)


def over_stack(stack: Stack, workload: Workload) -> Outcome:
    feed = StackFeed(stack.features_address, stack.extender_url)
    policy = ExtenderPolicy(stack.extender_url, timeout_seconds=10)
    try:
        outcome = played(workload, policy, [feed])
        assert policy.unanswered_count == 0
        return outcome
    finally:
        policy.close()
        feed.close()


@pytest.fixture(scope="module")
def workload() -> Workload:
    """Some hundred pods on twelve nodes: every decision has a choice."""
    return evaluation_workload("synthetic", None, seed=5, pod_count=220, node_count=12, days=1)


def test_the_running_stack_places_every_pod_where_the_in_process_policy_does(
    stack: Stack, workload: Workload, policy_in_force: Callable[[str], None]
) -> None:
    # a decision that is late on a busy machine would stand on a lower rung, and equality says nothing of lateness
    policy_in_force("mode: on\ndecision_budget_ms: 5000\n")
    alone = InProcess(Models(stack.state.models))
    expected = played(workload, alone, [alone])
    got = over_stack(stack, workload)
    differing = [
        (one.pod_uid, one.node_name, other.node_name)
        for one, other in zip(expected.placements, got.placements, strict=True)
        if one != other
    ]
    assert differing == [], recorded(stack, differing[0][0])
    assert len(got.placements) > 150
    assert got.figures == pytest.approx(expected.figures, nan_ok=True)


def test_its_placements_are_not_the_stock_schedulers(stack: Stack, workload: Workload) -> None:
    """Else the equality above would prove nothing."""
    alone = InProcess(Models(stack.state.models))
    learned = played(workload, alone, [alone])
    stock = played(workload, StockPolicy(), [])
    moved = [one for one, other in zip(learned.placements, stock.placements, strict=False) if one.node_name != other.node_name]
    assert len(moved) > len(stock.placements) // 4
