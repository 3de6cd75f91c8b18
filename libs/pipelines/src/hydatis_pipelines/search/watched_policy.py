"""Greedy placement with an anomaly detector beside it, as the stack runs them, and how well the detector saw the faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hydatis_anomaly.confirmation import Confirmation
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_core.nodes import Node
from hydatis_placement import greedy
from hydatis_simulator.learned_policy import InProcessPolicy
from numpy.typing import NDArray

from hydatis_pipelines.search.simulated_placement import OBJECTIVE_WEIGHT, Window

__all__ = ["WatchedPolicy", "fault_f1"]


class WatchedPolicy(InProcessPolicy):
    """Greedy placement that keeps off nodes whose anomaly is confirmed.

    Args:
        forest: the detector; its own threshold flags.
    """

    def __init__(self, forest: IsolationForestArrays) -> None:
        super().__init__("watched", greedy.utility, epsilon=greedy.EPSILON, objective_weight=OBJECTIVE_WEIGHT)
        self._forest = forest
        self._confirmation = Confirmation()
        self.confirmed: list[NDArray[np.bool_]] = []
        """By tick, shape (nodes,)."""

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """Begins anew."""
        super().on_nodes(nodes, tick_seconds, scrape_delay_seconds)
        self._confirmation = Confirmation()
        self.confirmed = []

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        """Computes the tick's table, forecast and risks."""
        super().on_tick(tick_time_seconds, sample_time_seconds, node_usage, pod_uids, pod_usage)
        assert self._view is not None, "a tick makes a view"
        table = self._view.table
        risk = self._forest.risk_of_table(table)
        flagged = self._confirmation.update(table.generation, risk, self._forest.threshold, table.node_names)
        confirmed = np.zeros(len(risk), dtype=np.bool_)
        confirmed[[node.row for node in flagged if node.confirmed]] = True
        self.confirmed.append(confirmed)
        self._view = replace(self._view, risk=risk, confirmed=confirmed)


def fault_f1(placed: Sequence[tuple[InProcessPolicy, Window]]) -> float:
    """2 tp / (2 tp + fp + fn) over node-ticks of all windows: confirmed, against a fault that takes CPU or paused just then.

    A fault lasts from its first burst to its last; NaN where there was none.
    """
    true = false = missed = 0
    for policy, window in placed:
        if not isinstance(policy, WatchedPolicy) or window.fault_ratio is None:
            continue
        confirmed = np.stack(policy.confirmed)
        loud = window.fault_ratio[: len(confirmed)] > 0
        lasting = np.maximum.accumulate(loud, axis=0) & np.maximum.accumulate(loud[::-1], axis=0)[::-1]
        true += int((confirmed & lasting).sum())
        false += int((confirmed & ~lasting).sum())
        missed += int((~confirmed & lasting).sum())
    return 2 * true / (2 * true + false + missed) if true + missed else float("nan")
