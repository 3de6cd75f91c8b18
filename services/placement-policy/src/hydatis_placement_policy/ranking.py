"""Ranking: from pods and candidates to one utility per candidate.

All pods of a call go through the policy in one tensor, because a hop costs more than a row: the candidates of each are laid one
after the other and taken apart again.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np
from hydatis_core.errors import GenerationUnavailable, InvalidValue
from hydatis_features.table import NodeTable
from hydatis_placement.after_state import after_states
from hydatis_serving.ranking import RankAnswer, RankQuery
from numpy.typing import NDArray

from hydatis_placement_policy.placement_metrics import PlacementMetrics
from hydatis_placement_policy.policy import Policy, Source
from hydatis_placement_policy.view_book import PreparedView, ViewBook

__all__ = ["Ranker"]


class Ranker:
    """Ranks candidates on the best generation that caller and service both hold.

    Args:
        views: the states held.
        policy: what values after-states.
        metrics: where the parts are timed.
        max_rows_count: most candidates of one call.
    """

    def __init__(self, views: ViewBook, policy: Policy, metrics: PlacementMetrics, max_rows_count: int) -> None:
        self._views = views
        self._policy = policy
        self._metrics = metrics
        self._max_rows_count = max_rows_count

    async def rank(self, generations: Sequence[int], queries: Sequence[RankQuery], seconds_left: float) -> RankAnswer:
        """Utilities of the candidates of each pod.

        Args:
            generations: those the caller holds, best first, at least one; rows and credits hold for the first.
            queries: the pods, at least one, each with a candidate.
            seconds_left: time until the call's deadline.

        Raises:
            GenerationUnavailable: none of the generations is complete here, or rows of the first do not fit the one that is.
            InvalidValue: there are too many candidates.
            UnknownNode: a candidate or a credited row is not in the table.
            Duplicate: a candidate stands twice.
            DependencyUnavailable: neither the model server nor a local policy can answer.
        """
        self._check_size(queries)
        prepared = self._views.pick(generations)
        began = perf_counter()
        states = [self._states(generations[0], prepared, query) for query in queries]
        together = states[0] if len(states) == 1 else np.concatenate(states)
        self._metrics.staged("placement_states", perf_counter() - began)
        answer = await self._policy.values(together, seconds_left - (perf_counter() - began))
        ends = np.cumsum([len(part) for part in states])[:-1]
        utilities = tuple(np.split(answer.values, ends))
        local = answer.source is Source.LOCAL
        return RankAnswer(prepared.view.table.generation, utilities, local, answer.version, prepared.risk_masked)

    def _states(self, offered: int, prepared: PreparedView, query: RankQuery) -> NDArray[np.float32]:
        table = prepared.view.table
        by_row = query.rows.size > 0 or query.credits.rows.size > 0
        if by_row and not self._views.same_rows(offered, table):
            shown = f"rows of generation {offered} are not known to be those of {table.generation}"
            raise GenerationUnavailable(
                shown, field="queries.rows", expected="node_names and no credits, or the other generation first"
            )
        rows = _candidates(table, query)
        return after_states(prepared.view, rows, query.pod, query.expected_use, query.credits, query.objective_weight)

    def _check_size(self, queries: Sequence[RankQuery]) -> None:
        count = sum(query.rows.size or len(query.node_names) for query in queries)
        if count > self._max_rows_count:
            shown = f"{count} candidates are too many for one call"
            raise InvalidValue(shown, field="queries", expected=f"at most {self._max_rows_count}")


def _candidates(table: NodeTable, query: RankQuery) -> NDArray[np.int32]:
    if query.rows.size == 0:
        return table.rows_of(query.node_names)
    table.check_rows(query.rows)
    return query.rows
