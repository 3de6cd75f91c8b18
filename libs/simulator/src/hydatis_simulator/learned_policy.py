"""The policies of HYDATIS inside the simulator: the same thought as the running stack, without its processes.

A replay of a month must not need six servers. So what the shim, the forecaster and placement-policy do for a pod is done here by
the very functions they call, in the same order: table, forecast, credits, after-states, values, filter, scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from hydatis_core.errors import GenerationUnavailable
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_features.engine import FeatureEngine
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.table import NodeTable
from hydatis_forecasting.outlook import Outlook
from hydatis_placement import greedy, load, q_function
from hydatis_placement.admission import Thresholds, admit
from hydatis_placement.after_state import after_states, baseline
from hydatis_placement.credit_ledger import CreditLedger
from hydatis_placement.credits import Credits
from hydatis_placement.load_after import LoadAfter, load_after
from hydatis_placement.q_function import QFunction
from hydatis_placement.scores import scores
from hydatis_placement.view import ClusterView
from numpy.typing import NDArray

from hydatis_simulator.policy import Ranking

__all__ = [
    "DecisionInput",
    "DecisionState",
    "Forecaster",
    "InProcessPolicy",
    "Utility",
    "greedy_policy",
    "learned_policy",
    "load_policy",
    "persistence",
]

#: From a node table to what its nodes will at most use over the next hour.
Forecaster = Callable[[NodeTable], Outlook]


def persistence(table: NodeTable) -> Outlook:
    """The naive forecast: the next hour's maximum is that of the last hour; at worst that, or the day's 95th percentile.

    It stands in where no model was trained yet, and it is the bar that a forecaster has to pass.
    """
    parts = {}
    for resource in ("cpu", "memory"):
        hour = table.column(f"{resource}_used_max_1h_ratio").copy()
        parts[f"{resource}_p50"] = hour
        parts[f"{resource}_p95"] = np.fmax(hour, table.column(f"{resource}_used_p95_24h_ratio"))
    return Outlook(**parts)


class DecisionInput(NamedTuple):
    """Everything a decision is made from."""

    view: ClusterView
    rows: NDArray[np.int32]
    """Candidates, in the order asked."""
    pod: Pod
    expected_use: ExpectedUse
    credits: Credits


class DecisionState:
    """What the stack would know at this moment, kept by observing a replay: feature engine, forecast and credits.

    Args:
        forecaster: called once per tick.
    """

    def __init__(self, forecaster: Forecaster) -> None:
        self._forecaster = forecaster
        self._ledger = CreditLedger()
        self._engine: FeatureEngine | None = None
        self._view: ClusterView | None = None

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """Begins with a new cluster, and with empty windows and profiles."""
        self._engine = FeatureEngine(nodes, tick_seconds, scrape_delay_seconds)
        self._ledger.clear()
        self._view = None

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        """Computes the tick's table and forecast."""
        table = self._started().tick(int(tick_time_seconds), sample_time_seconds, node_usage, pod_uids, pod_usage)
        ahead = self._forecaster(table)
        self._view = ClusterView(table, ahead.cpu_p50, ahead.cpu_p95, ahead.memory_p50, ahead.memory_p95)

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        """Counts a pod and credits it."""
        expected = self._started().bind(pod, node_name, time_seconds)
        if expected is not None:
            generation = self._view.table.generation if self._view is not None else 0
            self._ledger.confirm(pod, node_name, expected, time_seconds, generation)

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        """Takes a pod and its credit off."""
        self._started().end(uid, time_seconds)
        self._ledger.end(uid, time_seconds)

    def decision(self, pod: Pod, node_names: Sequence[str], time_seconds: float) -> DecisionInput | None:
        """Everything to decide on a pod; None: no table has come yet."""
        if self._view is None:
            return None
        view = self._view
        rows = view.table.rows_of(list(node_names))
        expected = self._started().profiles.expect(pod, time_seconds)
        return DecisionInput(view, rows, pod, expected, self._ledger.credits(view.table, time_seconds, without_uid=pod.uid))

    def _started(self) -> FeatureEngine:
        if self._engine is None:
            raise GenerationUnavailable("the replay was not observed from its start", expected="the policy among the observers")
        return self._engine


class Utility(Protocol):
    """A rung's utility: ``hydatis_placement.greedy.utility`` and its like."""

    def __call__(
        self,
        view: ClusterView,
        rows: NDArray[np.int32],
        pod: Pod,
        expected_use: ExpectedUse,
        credits: Credits,
        objective_weight: float,
        *,
        after: LoadAfter | None = None,
    ) -> NDArray[np.float32]:
        """Utilities of candidates, high = better."""
        ...


class InProcessPolicy(DecisionState):
    """A policy and the state it needs; give it to a replay as the policy *and* among the observers.

    Args:
        name: what outcomes call it.
        utility: values candidates, high = better.
        epsilon: utilities this close are as good as each other.
        forecaster: called once per tick.
        objective_weight: 0 (spread) to 1 (pack).
        thresholds: when the filter rejects.
    """

    def __init__(
        self,
        name: str,
        utility: Utility,
        *,
        epsilon: float,
        forecaster: Forecaster = persistence,
        objective_weight: float = 0.0,
        thresholds: Thresholds | None = None,
    ) -> None:
        super().__init__(forecaster)
        self.name = name
        self._utility = utility
        self._epsilon = epsilon
        self._objective_weight = objective_weight
        self._thresholds = thresholds or Thresholds()

    def filter_and_score(self, pod: Pod, node_names: Sequence[str], time_seconds: float) -> Ranking | None:
        """Filters and scores as the shim does on the full rung; abstains before the first table."""
        decision = self.decision(pod, node_names, time_seconds)
        if decision is None:
            return None
        after = load_after(*decision)
        admission = admit(*decision, self._thresholds, after=after)
        utilities = self._utility(*decision, self._objective_weight, after=after)
        kept = np.flatnonzero(admission.allowed).tolist()
        levels = scores(utilities[kept], epsilon=self._epsilon)
        names = [node_names[position] for position in kept]
        return names, dict(zip(names, levels.tolist(), strict=True))


def learned_policy(
    function: QFunction,
    *,
    forecaster: Forecaster = persistence,
    objective_weight: float = 0.0,
    thresholds: Thresholds | None = None,
    name: str = "hydatis",
) -> InProcessPolicy:
    """The full rung: greedy, and what the learned function adds to it."""

    def utility(
        view: ClusterView,
        rows: NDArray[np.int32],
        pod: Pod,
        expected_use: ExpectedUse,
        credits: Credits,
        objective_weight: float,
        *,
        after: LoadAfter | None = None,
    ) -> NDArray[np.float32]:
        states = after_states(view, rows, pod, expected_use, credits, objective_weight, after=after)
        return function.values(states) + baseline(states)

    return InProcessPolicy(
        name,
        utility,
        epsilon=q_function.EPSILON,
        forecaster=forecaster,
        objective_weight=objective_weight,
        thresholds=thresholds,
    )


def greedy_policy(
    *,
    forecaster: Forecaster = persistence,
    objective_weight: float = 0.0,
    thresholds: Thresholds | None = None,
    name: str = "greedy",
) -> InProcessPolicy:
    """The greedy rung: the same forecast without learning."""
    return InProcessPolicy(
        name,
        greedy.utility,
        epsilon=greedy.EPSILON,
        forecaster=forecaster,
        objective_weight=objective_weight,
        thresholds=thresholds,
    )


def _unknown(table: NodeTable) -> Outlook:
    nothing = np.full(len(table.node_names), np.nan, dtype=np.float32)
    return Outlook(nothing, nothing, nothing, nothing)


def load_policy(*, objective_weight: float = 0.0, name: str = "load") -> InProcessPolicy:
    """The load rung: measured load and credits, no forecast, so nothing filtered for load."""
    return InProcessPolicy(name, load.utility, epsilon=load.EPSILON, forecaster=_unknown, objective_weight=objective_weight)
