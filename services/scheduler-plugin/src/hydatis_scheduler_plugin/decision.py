"""Decides on pods: one decision per pod, however often kube-scheduler asks.

Here the pieces meet: the policy file says whether a pod is ours, the cache whether it was ranked already, the ranker ranks, the
ledger is told what was chosen, the record is written. Nothing that fails here reaches kube-scheduler: the answer is neutral
then.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hydatis_placement.ladder import Rung
from hydatis_serving.logs import get_logger
from hydatis_serving.policy_file import Policy, Standing, standing_of
from msgspec import Raw
from opentelemetry import trace

from hydatis_scheduler_plugin.candidates import Candidates
from hydatis_scheduler_plugin.convert import PodRequest
from hydatis_scheduler_plugin.plugin_metrics import PluginMetrics
from hydatis_scheduler_plugin.policy_watch import PolicyWatch
from hydatis_scheduler_plugin.ranker import Ranker
from hydatis_scheduler_plugin.ranking import NEUTRAL_SCORE, Ranking
from hydatis_scheduler_plugin.ranking_cache import RankingCache, StateKey
from hydatis_scheduler_plugin.records import Recorder
from hydatis_scheduler_plugin.state import ClusterMemory

__all__ = ["INTERNAL_ERROR", "DecisionDesk"]

_log = get_logger(__name__)
#: Reason of a decision that a defect of ours spoiled.
INTERNAL_ERROR = "internal_error"


class DecisionDesk:
    """Where a request gets its ranking.

    Args:
        watch: the policy in force.
        memory: what is known of the cluster.
        ranker: ranks.
        cache: the rankings of the last pods.
        recorder: writes decision records.
        metrics: counts.
        clock: monotonic seconds.
        budget_ms: decision budget where the policy says none.
        tracer: makes the root span of a decision.
    """

    def __init__(
        self,
        *,
        watch: PolicyWatch,
        memory: ClusterMemory,
        ranker: Ranker,
        cache: RankingCache[Ranking],
        recorder: Recorder,
        metrics: PluginMetrics,
        clock: Callable[[], float],
        budget_ms: int,
        tracer: trace.Tracer,
    ) -> None:
        self._watch = watch
        self._memory = memory
        self._ranker = ranker
        self._cache = cache
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._budget_ms = budget_ms
        self._tracer = tracer

    async def for_filter(self, request: PodRequest, names: list[str], names_json: Raw) -> Ranking:
        """The ranking that answers /filter.

        Args:
            request: the pod.
            names: candidates in the order offered.
            names_json: the same as JSON, as it came: says whether it is the same question again.
        """
        uid = request.pod.uid
        found = self._cache.same(uid, self._state_key(), names_json, now_seconds=self._clock())
        if found is not None:
            self._metrics.cache_hit.inc()
            self._cache.put(uid, self._state_key(), names_json, found, now_seconds=self._clock(), for_prioritize=True)
            return found
        ranking = await self._decide(request, names)
        self._cache.put(uid, self._state_key(), names_json, ranking, now_seconds=self._clock(), for_prioritize=True)
        # With one node left kube-scheduler does not ask for priorities: this answer was the last word.
        if ranking.speaks and len(names) - ranking.rejected_count == 1:
            self._choose(ranking)
        return ranking

    def prepared(self, uid: str, names_json: Raw) -> bytes | None:
        """The answer to /prioritize that was prepared when /filter was answered; None: it was not, or the candidates are others."""
        ranking = self._cache.handed_over(uid, now_seconds=self._clock(), only_if=lambda held: held.kept_names_json == names_json)
        if ranking is None:
            return None
        self._metrics.cache_hit.inc()
        self._choose(ranking)
        return ranking.prioritize_body

    async def for_prioritize(self, request: PodRequest, names: list[str], names_json: Raw) -> list[int]:
        """Scores that answer /prioritize, one per candidate, 0..10, high = better."""
        uid, now_seconds = request.pod.uid, self._clock()
        for ranking in (
            self._cache.handed_over(uid, now_seconds=now_seconds),
            self._cache.same(uid, self._state_key(), names_json, now_seconds=now_seconds),
        ):
            scores = None if ranking is None else _scores(ranking, names)
            if ranking is not None and scores is not None:
                self._metrics.cache_hit.inc()
                self._choose(ranking)
                return scores
        ranking = await self._decide(request, names)
        self._cache.put(uid, self._state_key(), names_json, ranking, now_seconds=self._clock(), for_prioritize=False)
        self._choose(ranking)
        return [int(score) for score in ranking.scores] if ranking.speaks else [NEUTRAL_SCORE] * len(names)

    def _state_key(self) -> StateKey:
        footing = self._memory.footing
        return StateKey(footing.generation if footing is not None else 0, self._memory.credits_epoch, self._watch.revision)

    async def _decide(self, request: PodRequest, names: list[str]) -> Ranking:
        self._metrics.cache_miss.inc()
        policy = self._watch.policy
        pod = request.pod
        standing = standing_of(policy, pod.namespace, request.scheduler_name, pod.uid, request.labels)
        if standing not in (Standing.ON, Standing.SHADOW):
            ranking = _neutral(request, names, None, standing.value)
            self._metrics.decided(None, standing.value)
            self._recorder.record(ranking)
            return ranking
        with self._tracer.start_as_current_span("decision", attributes={"k8s.pod.name": pod.name, "k8s.pod.uid": pod.uid}) as span:
            ranking = await self._rank(request, names, policy, shadow=standing is Standing.SHADOW)
            span.set_attribute("hydatis.rung", ranking.rung.name if ranking.rung is not None else "")
            self._count(ranking)
            self._recorder.record(ranking)
        return ranking

    async def _rank(self, request: PodRequest, names: list[str], policy: Policy, *, shadow: bool) -> Ranking:
        budget_seconds = (policy.decision_budget_ms or self._budget_ms) / 1000
        try:
            return await self._ranker.rank(request, names, policy, budget_seconds, shadow=shadow)
        except Exception:  # whatever is wrong with us must not keep a pod from its node
            _log.exception("a decision failed, the answer is neutral")
            return _neutral(request, names, Rung.ABSTAIN, INTERNAL_ERROR)

    def _count(self, ranking: Ranking) -> None:
        self._metrics.decided(ranking.rung, ranking.reason)
        if ranking.risk_masked:
            self._metrics.risk_masked.inc()
        basis = ranking.basis
        if basis is None:
            return
        if basis.admission.waived:
            self._metrics.waived.inc()
        elif ranking.rejected_count:
            counts = np.bincount(ranking.codes, minlength=len(self._metrics.rejections))
            for code in np.flatnonzero(counts[1:]) + 1:
                self._metrics.rejections[code].inc(int(counts[code]))

    def _choose(self, ranking: Ranking) -> None:
        """Credits the first choice, since an extender is not told which node was taken; the bind delta will say."""
        basis = ranking.basis
        if basis is None or ranking.shadow or not ranking.chosen:
            return
        pod = ranking.request.pod
        changed = self._memory.ledger.choose(
            pod, ranking.chosen, basis.expected_use, ranking.event_time_seconds, basis.view.table.generation
        )
        self._memory.credits_epoch += changed


def _neutral(request: PodRequest, names: list[str], rung: Rung | None, reason: str) -> Ranking:
    nobody = Candidates(names, np.empty(0, dtype=np.int32), np.full(len(names), -1, dtype=np.intp))
    return Ranking(request, nobody, rung, reason)


def _scores(ranking: Ranking, names: list[str]) -> list[int] | None:
    """Scores of the candidates of /prioritize; None: the ranking does not cover them."""
    if not ranking.speaks:
        return [NEUTRAL_SCORE] * len(names)
    found = ranking.scores_of(names)
    return None if found is None else [int(score) for score in found]
