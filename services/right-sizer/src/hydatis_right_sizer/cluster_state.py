"""What is known of the cluster, from watches: whom to size, who forbids it, and what room there is.

Every replica keeps all of it by itself, so that an admission asks nobody. Until every list is whole nothing is known to be allowed,
and pods are left as they are.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.autoscalers import HorizontalPodAutoscaler, VerticalPodAutoscaler, Workload, targets_for
from hydatis_serving.kube.pods import workload_of
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod
from hydatis_serving.kube.size_recommendations import SizeRecommendation, object_path, read_object
from hydatis_serving.kube.watch import Resource, Watcher
from hydatis_serving.kube.watch_metrics import KubernetesMetrics

from hydatis_right_sizer.node_accounts import NodeAccounts
from hydatis_right_sizer.object_book import Key, ObjectBook, ignored
from hydatis_right_sizer.object_index import ObjectIndex
from hydatis_right_sizer.objects import CAP_RESOURCES, LimitRange, Namespace, NodeObject, Quota, read

__all__ = ["RIGHT_SIZE", "ClusterState", "Workload"]

T = TypeVar("T")
#: Label of namespaces ("apply", "report") and annotation of pods ("off", "on").
RIGHT_SIZE = "hydatis.io/right-size"
STOP_SECONDS = 3.0
DISCOVERY_SECONDS = 10.0
#: How often it is looked whether a Vertical Pod Autoscaler was installed meanwhile.
VERTICAL_LOOK_SECONDS = 60.0
SCALER_GROUP, VERTICAL_GROUP = "/apis/autoscaling/v2", "/apis/autoscaling.k8s.io/v1"


class ClusterState:
    """Watches the cluster and answers what an admission, or a role of the leader, asks.

    Args:
        api: the API server.
        metrics: where watching is counted.
    """

    def __init__(self, api: KubernetesApi, metrics: KubernetesMetrics) -> None:
        self._api = api
        self._metrics = metrics
        self.accounts = NodeAccounts()
        """What is taken on the nodes."""
        self._pods_by_workload: ObjectIndex[Workload, RunningPod] = ObjectIndex(
            lambda pod: (pod.metadata.namespace, workload_of(pod)), lambda pod: pod.metadata.name
        )
        self._advice: ObjectIndex[Workload, SizeRecommendation] = ObjectIndex(
            lambda advice: (advice.namespace, advice.workload), lambda advice: advice.name
        )
        self._autoscalers: ObjectIndex[Workload, HorizontalPodAutoscaler] = ObjectIndex(
            lambda one: one.workload, lambda one: one.metadata.name
        )
        self._verticals: ObjectIndex[Workload, VerticalPodAutoscaler] = ObjectIndex(
            lambda one: one.workload, lambda one: one.metadata.name
        )
        self._limit_ranges: ObjectIndex[str, LimitRange] = ObjectIndex(
            lambda one: one.metadata.namespace, lambda one: one.metadata.name
        )
        self._quotas: ObjectIndex[str, Quota] = ObjectIndex(lambda one: one.metadata.namespace, lambda one: one.metadata.name)
        self.namespaces = _book("namespaces", "/api/v1/namespaces", Namespace, metrics)
        self.nodes = _book("nodes", "/api/v1/nodes", NodeObject, metrics)
        self.pods: ObjectBook[RunningPod] = ObjectBook(
            Resource("pods", "/api/v1/pods", "status.phase!=Succeeded,status.phase!=Failed"),
            read_running_pod,
            lambda pod: (pod.metadata.namespace, pod.metadata.name),
            metrics,
            self._pod_changed,
        )
        self.advice: ObjectBook[SizeRecommendation] = ObjectBook(
            Resource("sizerecommendations", object_path("")),
            read_object,
            lambda advice: (advice.namespace, advice.name),
            metrics,
            self._advice.change,
        )
        scalers = f"{SCALER_GROUP}/horizontalpodautoscalers"
        verticals = f"{VERTICAL_GROUP}/verticalpodautoscalers"
        more: list[ObjectBook[Any]] = [
            _book("horizontalpodautoscalers", scalers, HorizontalPodAutoscaler, metrics, self._autoscalers.change),
            _book("limitranges", "/api/v1/limitranges", LimitRange, metrics, self._limit_ranges.change),
            _book("resourcequotas", "/api/v1/resourcequotas", Quota, metrics, self._quotas.change),
        ]
        self._vertical_book = _book("verticalpodautoscalers", verticals, VerticalPodAutoscaler, metrics, self._verticals.change)
        self._needed: tuple[ObjectBook[Any], ...] = (self.namespaces, self.nodes, self.pods, self.advice, *more)
        self._watchers = [Watcher(api, book.resource, book, metrics) for book in self._needed]
        self._vertical_is_watched: bool | None = None
        self._stopping = threading.Event()
        self._looking = threading.Thread(target=self._look_for_verticals, name="look-for-verticals", daemon=True)

    # --- asked

    @property
    def synced(self) -> bool:
        """Whether everything was listed once."""
        if self._vertical_is_watched is None:
            return False
        return all(book.whole for book in self._needed) and (not self._vertical_is_watched or self._vertical_book.whole)

    def mode_of(self, namespace: str) -> str:
        """What a namespace's label says: "apply", "report", or empty: it did not ask for anything."""
        found = self.namespaces.get("", namespace)
        said = (found.metadata.labels or {}).get(RIGHT_SIZE, "") if found is not None else ""
        return said if said in ("apply", "report") else ""

    def advice_for(self, workload: Workload) -> SizeRecommendation | None:
        """The recommendation for a workload; of several the one whose name comes first."""
        return min(self._advice.of(workload), key=lambda one: one.name, default=None)

    def scaled_on(self, workload: Workload) -> frozenset[str]:
        """Resources whose utilisation, of whichever container, a HorizontalPodAutoscaler of the workload goes by."""
        found = (one for target in targets_for(workload, self._autoscalers.groups()) for one in self._autoscalers.of(target))
        return frozenset(resource for one in found for _, resource in one.utilisation_of)

    def has_vertical_autoscaler(self, workload: Workload) -> bool:
        """Whether a VerticalPodAutoscaler is for the workload."""
        return bool(targets_for(workload, self._verticals.groups()))

    def limit_ranges_of(self, namespace: str) -> tuple[LimitRange, ...]:
        """LimitRanges of a namespace."""
        return self._limit_ranges.of(namespace)

    def bounds_caps(self, namespace: str) -> bool:
        """Whether a ResourceQuota or LimitRange of a namespace is about the cap's own resources, which only sized pods ask for."""
        quantities = [quota.spec.hard for quota in self._quotas.of(namespace)]
        for one in self._limit_ranges.of(namespace):
            quantities += [told for item in one.spec.limits or () for told in (item.min, item.max, item.max_limit_request_ratio)]
        return any(name.endswith(tuple(CAP_RESOURCES.values())) for told in quantities for name in told or ())

    def pods_of(self, workload: Workload) -> tuple[RunningPod, ...]:
        """Pods of a workload that have not finished."""
        return self._pods_by_workload.of(workload)

    # --- life

    def start(self) -> None:
        """Begins to watch."""
        for watcher in self._watchers:
            watcher.start()
        self._looking.start()

    async def stop(self) -> None:
        """Ends all watches, and the API with them."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.stop()
        await asyncio.to_thread(self._api.close)
        for watcher in self._watchers:
            await asyncio.to_thread(watcher.join, STOP_SECONDS)

    def _pod_changed(self, before: RunningPod | None, after: RunningPod | None) -> None:
        self.accounts.change(before, after)
        self._pods_by_workload.change(before, after)

    def _look_for_verticals(self) -> None:
        """Watches VerticalPodAutoscalers once their type is known: where it is not, a watch would fail for ever."""
        while not self._stopping.is_set():
            there = self._has_verticals()
            if there:
                self._watchers.append(Watcher(self._api, self._vertical_book.resource, self._vertical_book, self._metrics))
                self._watchers[-1].start()
            if there is not None:
                self._vertical_is_watched = there
            if there:
                return
            self._stopping.wait(VERTICAL_LOOK_SECONDS if there is not None else 1.0)

    def _has_verticals(self) -> bool | None:
        """Whether the type is there; None: nobody could be asked."""
        try:
            with self._api.get("/apis", {}, DISCOVERY_SECONDS) as answer:
                groups = json.loads(answer.read())["groups"]
        except (HydatisError, ValueError, KeyError):
            return None
        return any(group.get("name") == VERTICAL_GROUP.split("/")[2] for group in groups)


def _book(
    name: str, path: str, kind: type[T], metrics: KubernetesMetrics, on_change: Callable[[T | None, T | None], None] = ignored
) -> ObjectBook[T]:
    return ObjectBook(Resource(name, path), lambda text: read(kind, text), _key, metrics, on_change)


def _key(found: Any) -> Key:
    return found.metadata.namespace, found.metadata.name
