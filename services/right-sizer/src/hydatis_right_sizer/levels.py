"""What of the advice is in force: the leader lowers it step by step, within a bound a day and one for the whole cluster.

A webhook has no memory and many replicas, so it cannot know how far requests fell today. The leader does, and writes it where all
see it: into the status of each SizeRecommendation. A recommender that suddenly halves everything moves a day's step of each
workload, and of all of them together no more than the stated share of the cluster within a window; the rest waits, and is counted.
What is advised higher is in force at once. Without a leader nothing falls any further.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.levels_in_force import InForce, written_in_force
from hydatis_serving.kube.size_recommendations import API_VERSION, KIND, SizeRecommendation, object_path
from hydatis_serving.logs import get_logger
from hydatis_sizing.blast_radius import BlastRadius
from hydatis_sizing.recommendation import Amounts
from hydatis_sizing.untouched import Facts

from hydatis_right_sizer.audit import Audit, ObjectReference
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.eligibility import rules_of, workload_facts
from hydatis_right_sizer.level_steps import Step, as_owned, believed, next_step
from hydatis_right_sizer.policy import RightSizingPolicy
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics
from hydatis_right_sizer.wanted import requested_by_owners

__all__ = ["HELD", "Levels"]

_log = get_logger(__name__)
#: Why a level is higher than what is advised.
HELD: dict[str, str] = {
    "rate": "a day allows no greater step",
    "blast-radius": "the cluster gave up as much as it may within a window",
    "conflict": "its recommendation changed meanwhile, or the API server refused the step",
}
PAUSE_SECONDS = 2.0
MERGE_PATCH = "application/merge-patch+json"
#: A smaller part of a step than this waits until more may be taken.
LEAST_PART_RATIO = 0.1


class Levels:
    """The role that lowers them.

    Args:
        api: where statuses are written.
        cluster: what is known.
        policy: in force.
        audit: where steps are recorded.
        metrics: where it is counted what waits.
        clock: Unix seconds.
    """

    name = "levels"

    def __init__(
        self,
        api: KubernetesApi,
        cluster: ClusterState,
        policy: PolicyKeeper,
        audit: Audit,
        metrics: RightSizerMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._policy = policy
        self._audit = audit
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Takes steps until cancelled."""
        stopping = threading.Event()
        try:
            blast: BlastRadius | None = None
            policy = self._policy.policy
            while True:
                if self._cluster.synced:
                    if blast is None or self._policy.policy != policy:
                        policy = self._policy.policy
                        blast = self._remembered(policy)
                    await asyncio.to_thread(self.round, policy, blast, stopping)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            stopping.set()

    def round(self, policy: RightSizingPolicy, blast: BlastRadius, stopping: threading.Event) -> None:
        """One step of every workload that may take one; those that never did, or wait longest, first."""
        held: Counter[str] = Counter()
        if policy.mode == "apply":
            for advice in sorted(self._cluster.advice.all(), key=_turn):
                if stopping.is_set():
                    return
                if (
                    advice.mode == "Apply"
                    and self._cluster.mode_of(advice.namespace) == "apply"
                    and policy.allows(advice.namespace)
                ):
                    held += self._step(advice, policy, blast)
        for cause in HELD:
            self._metrics.held_levels.labels(cause).set(held[cause])
        taken, requested = blast.taken(self._clock()), requested_by_owners(self._cluster)
        self._metrics.taken_ratio.labels("cpu").set(_ratio(taken.cpu_cores, requested.cpu_cores))
        self._metrics.taken_ratio.labels("memory").set(_ratio(taken.memory_bytes, requested.memory_bytes))

    def _step(self, advice: SizeRecommendation, policy: RightSizingPolicy, blast: BlastRadius) -> Counter[str]:
        """Takes the step; what held it."""
        now = self._clock()
        facts: Facts = workload_facts((advice.namespace, advice.workload), advice, self._cluster, now)
        pods = self._cluster.pods_of((advice.namespace, advice.workload))
        followed = believed(as_owned(advice, pods), facts, rules_of(policy))
        whole = next_step(followed, policy.most_shrink_per_day, now)
        held = Counter({"rate": int(whole.is_held)})
        if not whole.changes(advice):
            return held
        count = len(pods) or advice.pods_count  # of one that does not run now: what it had when it was looked at
        part = _part(whole, count, blast, requested_by_owners(self._cluster), now)
        step = whole if part == 1.0 else next_step(followed, policy.most_shrink_per_day, now, part)
        if part < 1.0:
            held["blast-radius"] += 1
        if not step.changes(advice) or (part < LEAST_PART_RATIO and whole.falls):
            return held
        if self._write(advice, step):
            blast.take(_times(step.taken, count), Amounts(math.inf, math.inf), now)
        else:
            held["conflict"] += 1
        return held

    def _write(self, advice: SizeRecommendation, step: Step) -> bool:
        told = written_in_force(step.in_force)
        body = {"metadata": {"resourceVersion": advice.resource_version}, "status": {"inForce": told}}
        path = f"{object_path(advice.namespace)}/{advice.name}/status"
        try:
            reply = self._api.send("PATCH", path, json.dumps(body).encode(), MERGE_PATCH)
        except HydatisError as failure:
            _log.warning("a level was not written", namespace=advice.namespace, name=advice.name, reason=str(failure))
            return False
        if not reply.ok:
            _log.info("a level was not written", namespace=advice.namespace, name=advice.name, reason=reply.why)
            return False
        subject = ObjectReference(KIND, advice.name, advice.namespace, advice.uid, API_VERSION)
        before = written_in_force(advice.in_force) if advice.in_force is not None else {}
        self._audit.record("LevelMoved", subject, f"requests of {advice.workload} may be set to this now", before, told)
        return True

    def _remembered(self, policy: RightSizingPolicy) -> BlastRadius:
        """What was taken within the window, by whoever led."""
        blast = BlastRadius(policy.taken_ratio, policy.taken_window_seconds)
        steps = [(one.in_force.since_seconds, one) for one in self._cluster.advice.all() if one.in_force is not None]
        for since, advice in sorted(steps, key=lambda step: step[0]):
            assert advice.in_force is not None
            count = len(self._cluster.pods_of((advice.namespace, advice.workload))) or advice.pods_count
            blast.take(_times(_fallen(advice.in_force), count), Amounts(math.inf, math.inf), since)
        return blast


def _turn(advice: SizeRecommendation) -> tuple[float, str, str]:
    since = advice.in_force.since_seconds if advice.in_force is not None else -math.inf
    return since, advice.namespace, advice.name


def _part(step: Step, pods: int, blast: BlastRadius, requested: Amounts, now_seconds: float) -> float:
    """The share of a step for which the cluster has room left."""
    before, wanted = blast.taken(now_seconds), _times(step.taken, pods)
    parts = [1.0]
    for taken, more, whole in (
        (before.cpu_cores, wanted.cpu_cores, requested.cpu_cores),
        (before.memory_bytes, wanted.memory_bytes, requested.memory_bytes),
    ):
        if more > 0:
            parts.append(max(blast.share * whole - taken, 0.0) / more)
    return min(parts)


def _fallen(in_force: InForce) -> Amounts:
    def fall(of: Callable[[Amounts], float]) -> float:
        falls = (of(level.base) - of(level.requests) for level in in_force.by_container.values())
        return math.fsum(max(one, 0.0) for one in falls if not math.isnan(one))

    return Amounts(fall(lambda one: one.cpu_cores), fall(lambda one: one.memory_bytes))


def _times(amounts: Amounts, count: int) -> Amounts:
    return Amounts(amounts.cpu_cores * count, amounts.memory_bytes * count)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
