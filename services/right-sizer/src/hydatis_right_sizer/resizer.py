"""The leader's part that resizes pods while they run: slowly, watched, and back again on trouble.

Each turn looks at the cluster and does what follows from it; nothing is remembered between two turns that is not written on a pod
or in a recommendation's status, so it may be killed at any point, and whoever leads next goes on. A resize takes two turns: it is
announced on the pod first (what its owner asked for, what it will ask for), the node then advertises that much less, and once it
does the resize is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.resizing import has_resize
from hydatis_serving.kube.running_pods import RunningPod
from hydatis_serving.kube.size_recommendations import API_VERSION, KIND, SizeRecommendation
from hydatis_serving.logs import get_logger

from hydatis_right_sizer.announced import Announced, announced
from hydatis_right_sizer.audit import Audit, ObjectReference
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.node_cap_keeper import advertised_by
from hydatis_right_sizer.policy import RightSizingPolicy
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.quarantine import put_to_rest, reason_of
from hydatis_right_sizer.resize_calls import ResizeCalls
from hydatis_right_sizer.resize_metrics import ResizeMetrics
from hydatis_right_sizer.resize_plan import Plan, blast_radius, plan
from hydatis_right_sizer.trouble import Limits, Sized, sized, troubles
from hydatis_right_sizer.trouble_courses import TroubleCourses
from hydatis_right_sizer.wanted import may_resize, node_caps, requested_by_owners, wanted_by_workload

__all__ = ["Resizer"]

_log = get_logger(__name__)
LOOK_AGAIN_SECONDS = 60.0
#: Calls at a time where many pods go back.
AT_ONCE = 8


class Resizer:
    """The role.

    Args:
        api: the API server.
        cluster: what is known of it.
        policy: in force.
        calls: change a pod.
        courses: measurements of pods before and after; they may know nothing.
        audit: where it is recorded.
        metrics: where it is counted.
        pause_seconds: between two turns.
        clock: Unix seconds.
    """

    name = "resizer"

    def __init__(
        self,
        api: KubernetesApi,
        cluster: ClusterState,
        policy: PolicyKeeper,
        calls: ResizeCalls,
        courses: TroubleCourses,
        audit: Audit,
        metrics: ResizeMetrics,
        pause_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._policy = policy
        self._calls = calls
        self._courses = courses
        self._audit = audit
        self._metrics = metrics
        self._pause_seconds = pause_seconds
        self._clock = clock

    async def run(self) -> None:
        """Turns until cancelled."""
        while not await asyncio.to_thread(has_resize, self._api):
            self._metrics.is_possible.set(0)
            _log.info("the API server does not resize pods in place: those that run stay as they are")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        self._metrics.is_possible.set(1)
        while True:
            try:
                await self.turn()
            except DependencyUnavailable as failure:  # said in the metrics of the watches, too
                _log.warning("a turn of resizes broke off", reason=str(failure)[:300])
            await asyncio.sleep(self._pause_seconds)

    async def turn(self) -> None:
        """One look at the cluster, and what follows from it.

        Raises:
            DependencyUnavailable: there is no API server.
        """
        policy, now = self._policy.policy, self._clock()
        if not self._cluster.synced or policy.mode != "apply":
            return
        advice = [one for one in self._cluster.advice.all() if may_resize(one.namespace, policy, self._cluster)]
        self._metrics.quarantined.set(sum(now < one.quarantined_until_seconds for one in advice))
        for one, pods in await asyncio.to_thread(self._sized, advice):
            if now < one.quarantined_until_seconds:
                await self._give_back(pods, now)
            else:
                await self._look_for_trouble(one, pods, policy, now)
        before, following = await asyncio.to_thread(self._plan, policy, now)
        self._metrics.held(following.held)
        for waiting in before:
            if self._policy.policy is not policy:  # whoever switches off must not wait for the end of a turn
                return
            if not self._calls.may_try(waiting.pod, now):
                continue
            if waiting.why_not:
                await self._calls.call_off(waiting.pod, waiting.record, waiting.why_not, now)
            elif waiting.may_go:
                await self._calls.resize(waiting.pod, waiting.record, now)
        for change in following.changes:
            if self._policy.policy is not policy:
                return
            if self._calls.may_try(change.pod, now):
                await self._calls.announce(change, now)

    def _sized(self, advice: Sequence[SizeRecommendation]) -> list[tuple[SizeRecommendation, list[Sized]]]:
        """Pods of each workload that ask for less than their owners did; workloads without one left out."""
        workloads = ((one, self._cluster.pods_of((one.namespace, one.workload))) for one in advice)
        found = ((one, [is_one for is_one in map(sized, pods) if is_one is not None]) for one, pods in workloads)
        return [(one, pods) for one, pods in found if pods]

    def _plan(self, policy: RightSizingPolicy, now: float) -> tuple[list[Announced], Plan]:
        """What becomes of what was announced, and what is announced next."""
        cluster, pods = self._cluster, self._cluster.pods.all()
        wanted, caps = wanted_by_workload(policy, cluster, now), node_caps(policy, cluster)
        blast = blast_radius(pods, policy.taken_ratio, policy.taken_window_seconds, now)
        done = plan(list(wanted.values()), caps, blast, requested_by_owners(cluster), policy.resize, now)
        advertised = {node.metadata.name: advertised_by(node) for node in cluster.nodes.all()}
        by_uid = {one.pod.metadata.uid: one for of_workload in wanted.values() for one in of_workload}
        return announced(pods, by_uid, caps, advertised, now), done

    async def _look_for_trouble(
        self, advice: SizeRecommendation, pods: Sequence[Sized], policy: RightSizingPolicy, now: float
    ) -> None:
        limits = Limits(policy.resize.observation_seconds, policy.resize.throttled_ratio, policy.resize.latency_rise_ratio)
        measured: Sequence[Sized] = await self._courses.of(advice.workload, pods, policy.resize, now)
        found = await asyncio.to_thread(troubles, measured, limits, now)
        if not found:
            return
        reply = await asyncio.to_thread(put_to_rest, self._api, advice, found, now, policy.resize.quarantine_seconds)
        if reply.status == 409:  # somebody changed it: the next turn sees what, and the trouble is still there
            return
        if not reply.ok:
            raise DependencyUnavailable(f"the quarantine cannot be written: {reply.why}", field=advice.name)
        for one in found:
            self._metrics.troubles.labels(one.code).inc()
        subject = ObjectReference(KIND, advice.name, advice.namespace, advice.uid, API_VERSION)
        self._audit.record("WorkloadQuarantined", subject, reason_of(found), after={"workload": advice.workload}, warning=True)

    async def _give_back(self, pods: Sequence[Sized], now: float) -> None:
        """Resizes all pods of a workload that rests back to what its owner asked for, not slowly."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(pod: RunningPod) -> None:
            async with turns:
                await self._calls.give_back(pod, "its workload had trouble", now)

        await asyncio.gather(*(one(each.pod) for each in pods if each.pod.runs and self._calls.may_try(each.pod, now)))
