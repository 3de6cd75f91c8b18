"""Ranks one pod's candidates on the highest rung that can be had within the budget.

One fan-out for what is missing, one RankNodes, and below them rungs that need nobody: whatever is late, gone or wrong is a word
in the decision's reason, and never a pod that waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import numpy as np
from hydatis_core.errors import GenerationUnavailable, HydatisError, TooLate
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_placement import greedy, load
from hydatis_placement.admission import Thresholds, admit
from hydatis_placement.ladder import Missing, Rung, rung_for
from hydatis_placement.q_function import EPSILON as POLICY_EPSILON
from hydatis_serving.logs import get_logger
from hydatis_serving.policy_file import Policy
from hydatis_serving.ranking import RankAnswer, RankQuery

from hydatis_scheduler_plugin.breaker import Breaker
from hydatis_scheduler_plugin.candidates import Candidates, locate
from hydatis_scheduler_plugin.convert import PodRequest
from hydatis_scheduler_plugin.deadline import Deadline
from hydatis_scheduler_plugin.fan_out import FanOut
from hydatis_scheduler_plugin.ranking import Basis, Ranking
from hydatis_scheduler_plugin.state import ClusterMemory, Footing

__all__ = ["PlacementPeer", "Ranker"]

_log = get_logger(__name__)

#: Kept back of the budget for what comes after RankNodes.
RESERVE_RATIO = 0.1


class PlacementPeer(Protocol):
    """What ranks: placement-policy's client."""

    def rank_nodes(
        self, queries: Sequence[RankQuery], generations: Sequence[int], *, timeout_seconds: float
    ) -> Coroutine[Any, Any, RankAnswer]:
        """Rankings of the queries. Raises ``HydatisError``."""

    @property
    def is_unreachable(self) -> bool:
        """Whether a call made now would fail for want of a connection."""


#: What an error of placement-policy says is missing; anything else: the policy.
_MISSING_BY_ERROR: tuple[tuple[type[HydatisError], Missing], ...] = (
    (TooLate, Missing.POLICY_ANSWER),
    (GenerationUnavailable, Missing.POLICY_GENERATION),
)
#: What values the nodes on the rungs inside the shim.
_LOWER_RUNGS = {Rung.GREEDY: greedy, Rung.LOAD: load}
#: What the probe asks about.
_PROBE_POD = Pod(uid="hydatis-probe", name="hydatis-probe")
_PROBE_USE = ExpectedUse(0.0, 0.0, 0.0, 0.0, UseSource.REQUEST)
_PROBE_NODES_COUNT = 8


class Ranker:
    """Makes rankings.

    Args:
        memory: what is known of the cluster.
        fan_out: fills its gaps.
        placement: placement-policy.
        breaker: guards calls to it.
        clock: monotonic seconds.
        event_clock: event time now, in seconds.
        on_stage: told (stage, seconds) of the parts of a ranking.
        live: whether a table grows old by the event clock between ticks.
        freshness_limit_ticks, fresh_nodes_ratio, fan_out_share_ratio: as in the settings.
    """

    def __init__(
        self,
        memory: ClusterMemory,
        fan_out: FanOut,
        placement: PlacementPeer,
        breaker: Breaker,
        *,
        clock: Callable[[], float],
        event_clock: Callable[[], float],
        on_stage: Callable[[str, float], None],
        live: bool,
        freshness_limit_ticks: float,
        fresh_nodes_ratio: float,
        fan_out_share_ratio: float,
    ) -> None:
        self._memory = memory
        self._fan_out = fan_out
        self._placement = placement
        self._breaker = breaker
        self._clock = clock
        self._event_clock = event_clock
        self._on_stage = on_stage
        self._live = live
        self._freshness_limit_ticks = freshness_limit_ticks
        self._fresh_nodes_ratio = fresh_nodes_ratio
        self._fan_out_share_ratio = fan_out_share_ratio

    async def rank(self, request: PodRequest, names: list[str], policy: Policy, budget_seconds: float, *, shadow: bool) -> Ranking:
        """The ranking of a pod's candidates; always one, neutral at worst."""
        deadline = Deadline(budget_seconds, self._clock)
        if self._memory.footing is not None and self._memory.missing():
            await self._fan_out.fill(deadline.share_seconds(self._fan_out_share_ratio))
        footing = self._memory.footing
        if footing is None:
            return self._abstained(request, names, Missing.TABLE, deadline, 0)
        if not self._fresh(footing):
            return self._abstained(request, names, Missing.FRESH_METRICS, deadline, footing.generation)
        candidates = locate(names, footing.view.table)
        if candidates.rows.size == 0:
            return self._abstained(request, names, Missing.NODES, deadline, footing.generation)
        return await self._rank_known(request, candidates, footing, policy, deadline, shadow=shadow)

    def missing_now(self) -> tuple[Missing, ...]:
        """What a decision made now would lack, as far as it is known before asking."""
        footing = self._memory.footing
        if footing is None:
            return (Missing.TABLE,)
        table = (
            (not self._fresh(footing), Missing.FRESH_METRICS),
            (not footing.generations, Missing.FORECAST),
            (self._breaker.open or self._placement.is_unreachable, Missing.POLICY),
            (footing.view.risk is None, Missing.RISK),
        )
        return tuple(what for lacking, what in table if lacking)

    async def probe(self) -> None:
        """Asks placement-policy to rank a handful of nodes, as a decision would.

        Raises:
            HydatisError: it does not answer in time. Having another generation than we do is an answer.
        """
        footing = self._memory.footing
        if footing is None or not footing.generations:
            return
        rows = np.arange(min(_PROBE_NODES_COUNT, footing.view.node_count), dtype=np.int32)
        try:
            await self._placement.rank_nodes([RankQuery(_PROBE_POD, _PROBE_USE, rows)], footing.generations, timeout_seconds=0.1)
        except GenerationUnavailable:
            return

    async def _rank_known(
        self, request: PodRequest, candidates: Candidates, footing: Footing, policy: Policy, deadline: Deadline, *, shadow: bool
    ) -> Ranking:
        pod, view, rows = request.pod, footing.view, candidates.rows
        now = self._event_clock()
        expected_use = self._memory.profiles.expect(pod, now)
        credits = self._memory.ledger.credits(view.table, now, without_uid=pod.uid)
        query = RankQuery(pod, expected_use, rows, credits=credits, objective_weight=policy.objective_weight)
        prepared_seconds = deadline.passed_seconds
        self._on_stage("shim_prepare", prepared_seconds)
        asked = await self._begin(query, footing, deadline)
        # The filter needs no utilities: it is computed while placement-policy works.
        thresholds = Thresholds(policy.cpu_threshold_ratio, policy.memory_threshold_ratio, policy.avoid_anomalous)
        admission = admit(view, rows, pod, expected_use, credits, thresholds)
        answer = asked if isinstance(asked, Missing) else await self._answer(asked)
        self._on_stage("shim_rank_nodes", deadline.passed_seconds - prepared_seconds)
        if not isinstance(answer, Missing) and answer.generation != footing.generation:
            # placement-policy lags behind by a tick: the filter follows it, so that no decision joins two generations
            earlier = self._memory.footing_of(answer.generation)
            if earlier is None:
                answer = Missing.POLICY_GENERATION
            else:
                footing, view = earlier, earlier.view
                admission = admit(view, rows, pod, expected_use, credits, thresholds)
        if isinstance(answer, Missing):
            rung, reason = rung_for((answer,))
            rule = _LOWER_RUNGS[rung]
            utilities = rule.utility(view, rows, pod, expected_use, credits, policy.objective_weight)
            epsilon, generation, risk_masked, versions = rule.EPSILON, footing.generation, view.risk is None, footing.model_versions
        else:
            rung, reason = rung_for((Missing.MODEL_SERVER,) if answer.local else ())
            utilities, epsilon, generation, risk_masked = answer.utilities[0], POLICY_EPSILON, answer.generation, answer.risk_masked
            versions = (*footing.model_versions, f"placement-policy {answer.model_version}")
        return Ranking(
            request,
            candidates,
            rung,
            reason,
            Basis(
                view,
                expected_use,
                credits,
                policy.objective_weight,
                utilities,
                admission,
                epsilon if policy.epsilon is None else policy.epsilon,
                footing.host_scores,
            ),
            generation,
            now,
            risk_masked,
            versions,
            shadow,
            deadline.passed_seconds,
        )

    async def _begin(self, query: RankQuery, footing: Footing, deadline: Deadline) -> asyncio.Task[RankAnswer] | Missing:
        """Puts the question on the wire, or says why it is not asked."""
        if not footing.generations:
            return Missing.FORECAST
        if self._breaker.open:
            return Missing.POLICY
        timeout_seconds = deadline.left_seconds - deadline.share_seconds(RESERVE_RATIO)
        call = asyncio.create_task(self._placement.rank_nodes([query], footing.generations, timeout_seconds=timeout_seconds))
        for _ in range(2):  # the turns of the loop that grpc needs to send the request
            await asyncio.sleep(0)
        return call

    async def _answer(self, call: asyncio.Task[RankAnswer]) -> RankAnswer | Missing:
        try:
            answer = await call
        except HydatisError as error:
            missing = next((what for kind, what in _MISSING_BY_ERROR if isinstance(error, kind)), Missing.POLICY)
            if missing is Missing.POLICY_GENERATION:
                self._breaker.succeeded()  # it answers, and at once
            else:
                self._breaker.failed()
            _log.debug("placement-policy did not rank", reason=missing.value, error=str(error))
            return missing
        self._breaker.succeeded()
        return answer

    def _fresh(self, footing: Footing) -> bool:
        if footing.fresh_ratio < self._fresh_nodes_ratio:
            return False
        table = footing.view.table
        return not self._live or self._event_clock() - table.generation <= self._freshness_limit_ticks * table.tick_seconds

    def _abstained(self, request: PodRequest, names: list[str], missing: Missing, deadline: Deadline, generation: int) -> Ranking:
        rung, reason = rung_for((missing,))
        return Ranking(
            request,
            Candidates(names, np.empty(0, dtype=np.int32), np.full(len(names), -1, dtype=np.intp)),
            rung,
            reason,
            generation=generation,
            event_time_seconds=self._event_clock(),
            seconds=deadline.passed_seconds,
        )
