"""The table keeper: takes what the sources say, and has a table made of it at each tick.

A tick of thousands of nodes takes a good part of a second, and a pod that is bound meanwhile must reach the next decision all the
same. So the engine computes in a thread, and while it is busy the keeper answers for it: events are told to the subscribers at once
and handed to the engine when it is done.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, TypeVar

from hydatis_core.errors import ArtifactRefused, GenerationUnavailable, InvalidValue
from hydatis_core.pods import Pod
from hydatis_features.cluster_state import BoundPod
from hydatis_features.engine import FeatureEngine
from hydatis_features.history import History
from hydatis_features.table import NodeTable
from hydatis_serving.events import BindDelta, PodEvent, PodEventKind

from hydatis_feature_service.convert import table_from_bytes, table_to_bytes
from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.held_events import HeldEvents
from hydatis_feature_service.pod_reports import check_report, recent_binds
from hydatis_feature_service.scrape import Scrape
from hydatis_feature_service.sources import Cluster
from hydatis_feature_service.table_stream import TableStream
from hydatis_feature_service.warm_blob import WarmState

__all__ = ["TableKeeper"]

T = TypeVar("T")


class TableKeeper:
    """Owns the engine. The sink of both sources; used from the event loop only.

    Args:
        stream: where tables and deltas are published.
        metrics: where ticks are timed.
        metric_window_seconds: seconds until the measured windows show all of a new pod.
    """

    def __init__(self, stream: TableStream, metrics: FeatureMetrics, metric_window_seconds: float) -> None:
        self._stream = stream
        self._metrics = metrics
        self._metric_window_seconds = metric_window_seconds
        self.on_tick: Callable[[], None] = lambda: None
        """Called after each tick, to be quick: there is a new state worth keeping."""
        self._engine: FeatureEngine | None = None
        self._addresses: Mapping[str, tuple[str, ...]] = {}
        self._lane = asyncio.Lock()
        self._held = HeldEvents()
        self._generation = 0
        self._uncounted_generation = 0
        self._scrape_digest = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def load(self, cluster: Cluster) -> int:
        """Begins anew with a cluster; returns its node count.

        Raises:
            InvalidValue: the tick is not one that the engine keeps windows for.
        """
        async with self._lane:
            self._begin(cluster)
        return len(cluster.nodes)

    async def change_nodes(self, cluster: Cluster) -> list[PodEvent]:
        """Sets the nodes of a live cluster: windows, age and pods of nodes that stay (by name) are kept.

        The next table has the new nodes. Subscribers are told of the pods that went with their node as ended; should the node come
        back while they are still bound to it, the source says them again.

        Returns:
            The binds of those pods.

        Raises:
            InvalidValue: the tick is not one that the engine keeps windows for.
        """
        return await self._unbroken(self._change_nodes(cluster))

    @property
    def cluster(self) -> Cluster | None:
        """The cluster as it is known now; None: none is loaded."""
        engine = self._engine
        if engine is None:
            return None
        return Cluster(engine.nodes, engine.tick_seconds, engine.scrape_delay_seconds, self._addresses)

    def bound_pods(self) -> Sequence[BoundPod]:
        """The pods that are bound and where, but for those that were taken while a table is made."""
        return [] if self._engine is None else self._engine.state.bound_pods()

    def pods_by_uid(self) -> Mapping[str, Pod]:
        """The pods that are bound, those taken while a table is made included."""
        engine_has: dict[str, Pod | None] = {bound.pod.uid: bound.pod for bound in self.bound_pods()}
        return {uid: pod for uid, pod in (engine_has | dict(self._held.pods)).items() if pod is not None}

    def pod(self, uid: str) -> Pod | None:
        """A pod that is bound, or None."""
        if uid in self._held.pods:
            return self._held.pods[uid]
        bound = None if self._engine is None else self._engine.state.pod(uid)
        return None if bound is None else bound.pod

    async def report(self, events: Sequence[PodEvent]) -> int:
        """Takes pods bound and ended, all or none; returns the newest generation once every subscriber's stream has the deltas.

        Raises:
            GenerationUnavailable: no cluster is loaded.
            UnknownNode: a pod is bound to a node that the cluster lacks.
            InvalidValue: the events are not in order of time.
        """
        self.take(events)
        await self._stream.flushed()
        return self._generation

    def take(self, events: Sequence[PodEvent]) -> None:
        """Takes pods bound and ended, all or none, without waiting for anybody. Raises as ``report``."""
        engine = self._loaded()
        check_report(events, engine)
        for event in events:
            delta = self._delta(engine, event)
            if delta is not None:
                self._stream.publish_delta(delta)

    async def advance(self, scrape: Scrape) -> int:
        """Takes one tick's samples; returns its generation once the table is published.

        Raises:
            GenerationUnavailable: no cluster is loaded.
            InvalidValue: the tick is not a multiple of the tick length or not later than the last, or a sample is none.
            WrongShape: the samples are not one row per node.
        """
        return await self._unbroken(self._advance(scrape))

    async def recall(self, history: History) -> int:
        """Fills the windows with what was measured before the next tick; returns how many times were taken.

        Raises:
            GenerationUnavailable: no cluster is loaded.
        """
        return await self._unbroken(self._recall(history))

    @property
    def last_sample_seconds(self) -> float:
        """When the newest samples in the windows were taken; -inf: there are none."""
        return -math.inf if self._engine is None else self._engine.windows.last_sample_seconds

    async def snapshot(self) -> WarmState | None:
        """All that is worth keeping over a restart; None: no cluster is loaded."""
        return await self._unbroken(self._snapshot())

    def restore(self, state: WarmState) -> None:
        """Goes on where a snapshot was taken.

        Raises:
            ArtifactRefused: it is not one, or was taken with another metric window.
        """
        engine = FeatureEngine.restore(state.engine)
        if engine.metric_window_seconds != self._metric_window_seconds:
            shown = f"the state was kept with a window of {engine.metric_window_seconds} s"
            raise ArtifactRefused(shown, field="metric_window_seconds", expected=f"{self._metric_window_seconds} s")
        table = table_from_bytes(state.table)
        self._engine = engine
        self._generation = self._uncounted_generation = state.generation
        self._scrape_digest = state.scrape_digest
        self._stream.restore(table, engine.profiles.everything(), recent_binds(engine, state.generation))
        self._metrics.loaded(len(engine.nodes))
        self._metrics.generations.held("table", state.generation)

    def _begin(self, cluster: Cluster) -> None:
        self._engine = FeatureEngine(cluster.nodes, cluster.tick_seconds, cluster.scrape_delay_seconds, self._metric_window_seconds)
        self._addresses = cluster.addresses
        self._generation = self._uncounted_generation = 0
        self._scrape_digest = ""
        self._stream.clear()
        self._metrics.loaded(len(cluster.nodes))

    async def _change_nodes(self, cluster: Cluster) -> list[PodEvent]:
        async with self._lane:
            engine = self._engine
            timing = (cluster.tick_seconds, cluster.scrape_delay_seconds)
            if engine is None or (engine.tick_seconds, engine.scrape_delay_seconds) != timing:
                self._begin(cluster)
                return []
            self._addresses = cluster.addresses
            if engine.nodes == cluster.nodes:
                return []
            stay = {node.name for node in cluster.nodes}
            gone = [bound for bound in engine.state.bound_pods() if bound.node_name not in stay]
            async with self._held.while_busy(engine):
                await asyncio.to_thread(engine.replace_nodes, cluster.nodes)
            for bound in gone:
                ended = PodEvent.ended(bound.pod.uid, bound.node_name, bound.bind_time_seconds)
                self._stream.publish_delta(BindDelta(self._uncounted_generation, ended, None))
            self._metrics.loaded(len(cluster.nodes))
        return [PodEvent.bound(bound.pod, bound.node_name, bound.bind_time_seconds) for bound in gone]

    async def _advance(self, scrape: Scrape) -> int:
        async with self._lane:
            engine = self._loaded()
            if self._is_repeat(scrape, engine):
                return self._generation
            began = perf_counter()
            table = await self._compute(engine, scrape)
            computed = perf_counter()
            self._generation = table.generation
            self._scrape_digest = scrape.digest
            self._stream.publish_table(table, engine.profiles.changed())
            self._metrics.ticked(table.generation, computed - began, perf_counter() - computed, len(engine.state.bound_pods()))
        self.on_tick()
        return table.generation

    async def _recall(self, history: History) -> int:
        async with self._lane:
            engine = self._loaded()
            async with self._held.while_busy(engine):
                return await asyncio.to_thread(engine.recall, history)

    async def _compute(self, engine: FeatureEngine, scrape: Scrape) -> NodeTable:
        # A pod bound from here on is not in the table that is being made: its delta says so by that table's generation.
        self._uncounted_generation = scrape.tick_time_seconds
        try:
            async with self._held.while_busy(engine):
                return await asyncio.to_thread(
                    engine.tick,
                    scrape.tick_time_seconds,
                    scrape.sample_time_seconds,
                    scrape.usage_of(tuple(engine.state.node_index)),
                    scrape.pod_uids,
                    scrape.pod_usage,
                )
        except BaseException:
            self._uncounted_generation = self._generation
            raise

    async def _snapshot(self) -> WarmState | None:
        async with self._lane:
            engine = self._engine
            if engine is None:
                return None
            generation, digest, table = self._generation, self._scrape_digest, self._stream.newest
            async with self._held.while_busy(engine):
                arrays = await asyncio.to_thread(engine.snapshot)
            return WarmState(generation, digest, arrays, table_to_bytes(table))

    def _is_repeat(self, scrape: Scrape, engine: FeatureEngine) -> bool:
        if scrape.tick_time_seconds % engine.tick_seconds:
            shown = f"{scrape.tick_time_seconds} is not a tick"
            raise InvalidValue(shown, field="tick_time_seconds", expected=f"a multiple of {engine.tick_seconds:g}")
        if scrape.tick_time_seconds > self._generation:
            return False
        if scrape.tick_time_seconds == self._generation and scrape.digest == self._scrape_digest:
            return True
        shown = f"tick {scrape.tick_time_seconds} comes after {self._generation}"
        raise InvalidValue(shown, field="tick_time_seconds", expected="ticks that increase, or the last one with the same samples")

    def _delta(self, engine: FeatureEngine, event: PodEvent) -> BindDelta | None:
        """What subscribers are told of an event; None: it changes nothing."""
        uid, time_seconds = event.pod.uid, event.event_time_seconds
        bound_here = engine.state.pod(uid)
        node_name = event.node_name or ("" if bound_here is None else bound_here.node_name)
        is_bound = self.pod(uid) is not None
        if event.kind is PodEventKind.ENDED:
            known = is_bound if self._held.busy else engine.end(uid, time_seconds)
            self._held.hold(event)
            return BindDelta(self._uncounted_generation, replace(event, node_name=node_name), None) if known else None
        if is_bound:
            return None
        use = (
            self._stream.profiles.expect(event.pod, time_seconds)
            if self._held.busy
            else engine.bind(event.pod, node_name, time_seconds)
        )
        self._held.hold(event)
        return None if use is None else BindDelta(self._uncounted_generation, event, use)

    async def _unbroken(self, work: Coroutine[Any, Any, T]) -> T:
        """Lets work finish though its caller goes away: a thread cannot be stopped, and must not meet the next one."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    def _loaded(self) -> FeatureEngine:
        if self._engine is None:
            raise GenerationUnavailable("no cluster is loaded", field="source", expected="LoadCluster first")
        return self._engine
