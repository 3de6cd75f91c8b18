"""The Kubernetes source: nodes and bound pods as the API server has them.

Two threads list and watch; what they read is taken in the event loop, one batch after the other. The sink knows which pods are
bound and takes repeats for nothing, so that no second copy of the cluster is kept here: only the nodes, and the pods that wait for
theirs, because the two watches cross each other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from hydatis_core.errors import DependencyUnavailable, HydatisError
from hydatis_serving.events import PodEvent
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.objects import NodeSeen, read_node, read_pod
from hydatis_serving.kube.pod_resources import GpuMeaning
from hydatis_serving.kube.watch import IDLE_SECONDS, Resource, Watcher
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_serving.logs import get_logger
from msgspec import Raw

from hydatis_feature_service.sources import Cluster, ClusterSink, Synced

__all__ = ["KubernetesCluster"]

_log = get_logger(__name__)
T = TypeVar("T")

NODES = Resource("nodes", "/api/v1/nodes")
#: Only pods that hold something: one that is bound comes in, one that finishes goes out.
PODS = Resource("pods", "/api/v1/pods", "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed")
#: Each change of the nodes costs time by their number: those that come while one is made, and this long after it, are one.
NODES_GAP_SECONDS = 0.5
STOP_SECONDS = 3.0
#: A pod that was resized ends and is bound anew; the bind must be later than the end to count.
_RESIZE_SECONDS = 1e-3


class KubernetesCluster:
    """Nodes and pods of a live cluster.

    Args:
        api: its API server.
        metrics: where it is counted.
        gpu_resources: what extended resources say of GPUs.
        tick_seconds: length of a tick, told to the sink with the nodes.
        scrape_delay_seconds: the same of samples' age.
        clock: Unix seconds.
        idle_seconds: how long a watch may be silent.
    """

    def __init__(
        self,
        api: KubernetesApi,
        metrics: KubernetesMetrics,
        gpu_resources: Mapping[str, GpuMeaning],
        tick_seconds: float,
        scrape_delay_seconds: float,
        clock: Callable[[], float] = time.time,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._api = api
        self._metrics = metrics
        self._gpu_resources = gpu_resources
        self._timing = (tick_seconds, scrape_delay_seconds)
        self._clock = clock
        self._seen: dict[str, NodeSeen] = {}
        self._nodes_known: set[str] = set()
        self._nodes_changed = asyncio.Event()
        self._nodes_task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._ended_meanwhile: set[str] = set()
        self._waiting: dict[str, PodEvent] = {}
        self._watchers = {
            "nodes": Watcher(api, NODES, _NodeTaker(self), metrics, idle_seconds, clock),
            "pods": Watcher(api, PODS, _PodTaker(self), metrics, idle_seconds, clock),
        }
        self._sink: ClusterSink | None = None
        self._synced: Synced | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, sink: ClusterSink, synced: Synced) -> None:
        """Begins to list the nodes; the pods come after them."""
        self._sink, self._synced = sink, synced
        self._loop = asyncio.get_running_loop()
        self._watchers["nodes"].start()

    async def stop(self) -> None:
        """Ends both watches."""
        if self._nodes_task is not None:
            self._nodes_task.cancel()
        self._sink = None
        for watcher in self._watchers.values():
            watcher.stop()
        await asyncio.to_thread(self._api.close)
        for watcher in self._watchers.values():
            await asyncio.to_thread(watcher.join, STOP_SECONDS)

    # --- from the watchers' threads

    def in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs work in the event loop and waits for it, from another thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            work.close()
            raise DependencyUnavailable("the source was stopped", field="kubernetes")
        try:
            return asyncio.run_coroutine_threadsafe(work, loop).result()
        except CancelledError:
            raise DependencyUnavailable("the source was stopped", field="kubernetes") from None

    def nodes_of(self, objects: Iterable[Raw]) -> list[NodeSeen]:
        """The nodes that can be read."""
        return list(self._readable("nodes", objects, lambda text: read_node(text, self._gpu_resources)))

    def events_of(self, changes: Iterable[tuple[str, Raw]]) -> list[PodEvent]:
        """What changed pods mean."""
        now = self._clock()

        def read(change: tuple[str, Raw]) -> PodEvent | None:
            return read_pod(change[1], self._gpu_resources, now, deleted=change[0] == "DELETED")

        return [event for event in self._readable("pods", changes, read) if event is not None]

    def _readable(self, resource: str, given: Iterable[Any], read: Callable[[Any], T]) -> Iterable[T]:
        for one in given:
            try:
                yield read(one)
            except HydatisError as wrong:
                self._metrics.refused(resource)
                _log.warning("an object does not count", resource=resource, reason=str(wrong))

    # --- in the event loop

    async def nodes_listed(self, nodes: Sequence[NodeSeen]) -> None:
        """All nodes there are."""
        self._seen = {seen.name: seen for seen in nodes}
        await self._change_nodes()
        if self._nodes_task is None:
            self._nodes_task = asyncio.create_task(self._keep_nodes())
            self._watchers["pods"].start()

    async def take_nodes(self, changes: Sequence[tuple[str, NodeSeen]]) -> None:
        """Nodes that came, went or changed."""
        for kind, seen in changes:
            before = self._seen.get(seen.name)
            if kind == "DELETED":
                self._seen.pop(seen.name, None)
            else:
                self._seen[seen.name] = seen
            if self._seen.get(seen.name) != before:
                self._nodes_changed.set()

    async def take_pods(self, events: Sequence[PodEvent]) -> None:
        """Pods bound and ended, as far as their node is known; the others wait for it."""
        if self._sink is None:
            return
        out: list[PodEvent] = []
        for event in events:
            uid = event.pod.uid
            if not event.is_bound:
                self._waiting.pop(uid, None)
                if self._changing.locked():
                    self._ended_meanwhile.add(uid)
                out.append(event)
            elif event.node_name not in self._nodes_known:
                self._waiting[uid] = event
            else:
                out += self._bound(event)
        self._say(out)

    async def pods_listed(self, uids: set[str]) -> None:
        """The uids of all bound pods: others are gone."""
        if self._sink is None:
            return
        now = self._clock()
        self._waiting = {uid: event for uid, event in self._waiting.items() if uid in uids}
        self._say([PodEvent.ended(uid, "", now) for uid in self._sink.pods_by_uid() if uid not in uids])
        if self._synced is not None:
            synced, self._synced = self._synced, None
            await synced()

    def _bound(self, event: PodEvent) -> list[PodEvent]:
        """What to say of a pod on a known node: nothing if it is known and asks for the same."""
        assert self._sink is not None
        known = self._sink.pod(event.pod.uid)
        if known is None:
            return [event]
        if (known.requests, known.limits) == (event.pod.requests, event.pod.limits):
            return []
        now = self._clock()
        return [
            PodEvent.ended(event.pod.uid, event.node_name, now),
            PodEvent.bound(event.pod, event.node_name, now + _RESIZE_SECONDS),
        ]

    def _say(self, events: list[PodEvent]) -> None:
        self._metrics.waiting_pods.set(len(self._waiting))
        if events and self._sink is not None:
            self._sink.take(sorted(events, key=lambda event: event.event_time_seconds))

    async def _keep_nodes(self) -> None:
        while True:
            await self._nodes_changed.wait()
            self._nodes_changed.clear()
            try:
                await self._change_nodes()
            except Exception:  # whatever it was: the next change must find somebody who takes it
                _log.exception("the nodes could not be changed")
                self._nodes_changed.set()
            await asyncio.sleep(NODES_GAP_SECONDS)

    async def _change_nodes(self) -> None:
        async with self._changing:
            if self._sink is None:
                return
            usable = {name: seen for name, seen in sorted(self._seen.items()) if seen.node is not None}
            nodes = tuple(seen.node for seen in usable.values() if seen.node is not None)
            cluster = Cluster(nodes, *self._timing, {name: seen.addresses for name, seen in usable.items()})
            self._nodes_known &= usable.keys()  # pods of nodes that go, and of those that are not there yet, wait meanwhile
            self._ended_meanwhile.clear()
            gone = await self._sink.change_nodes(cluster)
            self._nodes_known = set(usable)
            self._waiting |= {event.pod.uid: event for event in gone if event.pod.uid not in self._ended_meanwhile}
            ready = [event for event in self._waiting.values() if event.node_name in self._nodes_known]
            for event in ready:
                del self._waiting[event.pod.uid]
            self._say([said for event in ready for said in self._bound(event)])


class _NodeTaker:
    """Takes nodes from their watcher's thread."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        self._cluster = cluster
        self._pages: list[NodeSeen] = []

    def listing(self) -> None:
        self._pages = []

    def page(self, objects: Sequence[Raw]) -> None:
        self._pages += self._cluster.nodes_of(objects)

    def listed(self) -> None:
        nodes, self._pages = self._pages, []
        self._cluster.in_loop(self._cluster.nodes_listed(nodes))

    def changed(self, changes: Sequence[tuple[str, Raw]]) -> None:
        read = [(kind, seen) for kind, text in changes for seen in self._cluster.nodes_of([text])]
        self._cluster.in_loop(self._cluster.take_nodes(read))


class _PodTaker:
    """Takes pods from their watcher's thread."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        self._cluster = cluster
        self._uids: set[str] = set()

    def listing(self) -> None:
        self._uids = set()

    def page(self, objects: Sequence[Raw]) -> None:
        events = self._cluster.events_of(("ADDED", text) for text in objects)
        self._uids.update(event.pod.uid for event in events if event.is_bound)
        self._cluster.in_loop(self._cluster.take_pods(events))

    def listed(self) -> None:
        uids, self._uids = self._uids, set()
        self._cluster.in_loop(self._cluster.pods_listed(uids))

    def changed(self, changes: Sequence[tuple[str, Raw]]) -> None:
        self._cluster.in_loop(self._cluster.take_pods(self._cluster.events_of(changes)))
