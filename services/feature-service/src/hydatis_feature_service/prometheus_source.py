"""Metrics from Prometheus: one scrape per tick of the wall clock, whatever becomes of the queries.

The table must grow older visibly, not silently: a tick is told to the sink in any case, with what was answered in time and NaN for
the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hydatis_core.errors import GenerationUnavailable, HydatisError
from hydatis_features.cluster_state import BoundPod
from hydatis_features.usage import METRICS
from hydatis_serving.logs import get_logger
from hydatis_serving.prometheus.client import PrometheusClient, Reply
from hydatis_serving.prometheus.queries import (
    GROUP_QUANTITIES,
    NODE_QUANTITIES,
    POD_QUANTITIES,
    ROOT_QUANTITIES,
    Asking,
    Quantity,
)

from hydatis_feature_service.prometheus_asker import SPARED, PrometheusAsker
from hydatis_feature_service.prometheus_books import TargetBooks
from hydatis_feature_service.prometheus_catch_up import CatchUp
from hydatis_feature_service.prometheus_directory import PodNames
from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.prometheus_rows import NodeRows, PodRows, node_rows, pod_rows
from hydatis_feature_service.prometheus_targets import UNPLACED
from hydatis_feature_service.scrape import Scrape
from hydatis_feature_service.sources import Cluster, MetricSink, Synced
from hydatis_feature_service.wall_clock import wall_clock_ticks

__all__ = ["PrometheusMetrics"]

#: Answers must be there within this share of a tick: the table is made in what is left of it.
_TICK_SHARE = 0.6
#: How soon it is looked again whether there is a cluster.
_WAIT_SECONDS = 0.25
#: A pause of more ticks than this is filled from the past, within a tick; a shorter one stays a gap.
_PAUSE_TICKS = 4.0
_MEMORY, _CPU = METRICS.index("memory_used_bytes"), METRICS.index("cpu_used_cores")


class PrometheusMetrics:
    """Samples from a Prometheus server.

    Args:
        asker: asks it, of a moment.
        client: asks it, of the past.
        asking: windows and age limit.
        metrics: what was measured, counted.
        within_seconds: answers later than that are none.
        history_within_seconds: how long filling the windows from the past may take at the start; 0: the past is not asked for.
        clock: Unix seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        asker: PrometheusAsker,
        client: PrometheusClient,
        asking: Asking,
        metrics: PrometheusSourceMetrics,
        within_seconds: float,
        history_within_seconds: float = 0.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._asker = asker
        self._asking = asking
        self._metrics = metrics
        self._within_seconds = within_seconds
        self._history_within_seconds = history_within_seconds
        self._clock = clock
        self._sleep = sleep
        self._log = get_logger(__name__)
        self._names = PodNames(asking.rate_window_seconds + asking.most_age_seconds)
        self._books = TargetBooks()
        self._catch_up = CatchUp(client, asker, self._books, asking, metrics, clock)
        self._needs_root = self._needs_groups = True
        self._told: dict[str, Any] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self, sink: MetricSink, recalled: Synced) -> None:
        """Fills the windows from the past, says so, and pushes one scrape per tick from then on."""
        self._running = asyncio.create_task(self._run(sink, recalled))

    async def stop(self) -> None:
        """Ends it; a tick under way is left."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._asker.close()

    async def tick(self, sink: MetricSink, generation: int) -> Scrape:
        """Makes one tick's scrape and tells it.

        Raises:
            HydatisError: the sink refused it.
        """
        cluster = _known(sink)
        at_seconds = max(generation - cluster.scrape_delay_seconds, 0.0)
        within_seconds = min(self._within_seconds, _TICK_SHARE * cluster.tick_seconds)
        replies = await self._asker.sweep(self._wanted(), at_seconds, within_seconds, cluster.tick_seconds)
        cluster, pods = _known(sink), sink.bound_pods()  # as they are now: binds went on meanwhile
        nodes, measured = await asyncio.to_thread(self._rows, cluster, pods, replies, at_seconds)
        names = tuple(node.name for node in cluster.nodes)
        scrape = Scrape(generation, at_seconds, nodes.usage, measured.uids, measured.usage, names)
        await sink.advance(scrape)
        self._report(replies, nodes, measured, at_seconds)
        return scrape

    async def _run(self, sink: MetricSink, recalled: Synced) -> None:
        await self._catch_up.fill(sink, 1.0, self._history_within_seconds)
        await recalled()
        while True:
            cluster = sink.cluster
            if cluster is None:
                await self._sleep(_WAIT_SECONDS)
                continue
            async for generation in wall_clock_ticks(cluster.tick_seconds, self._clock, self._sleep):
                a_share = min(self._history_within_seconds, _TICK_SHARE * cluster.tick_seconds)
                await self._catch_up.fill(sink, _PAUSE_TICKS, a_share)
                try:
                    await self.tick(sink, generation)
                except HydatisError as refused:
                    self._metrics.ticked("failed")
                    self._log.warning("tick refused", generation=generation, **{"error.message": str(refused)})
                except Exception:
                    self._metrics.ticked("failed")
                    self._log.exception("tick failed", generation=generation)
                if sink.cluster is None or sink.cluster.tick_seconds != cluster.tick_seconds:
                    break

    def _wanted(self) -> tuple[Quantity, ...]:
        root = ROOT_QUANTITIES if self._needs_root else ()
        groups = GROUP_QUANTITIES if self._needs_groups else ()
        return NODE_QUANTITIES + POD_QUANTITIES + root + groups

    def _rows(
        self, cluster: Cluster, pods: Sequence[BoundPod], replies: Mapping[str, Reply[Any]], at_seconds: float
    ) -> tuple[NodeRows, PodRows]:
        """Runs in a thread: 50,000 pods take a good part of a second."""
        book = self._books.of(cluster, pods, self._asker.facts)
        rows = {node.name: row for row, node in enumerate(cluster.nodes)}
        oldest_seconds = at_seconds - self._asking.most_age_seconds

        def measured(family: tuple[Quantity, ...]) -> NodeRows:
            answers = {quantity.column: replies[quantity.name].series for quantity in family if quantity.column}
            times = next(replies[quantity.name].series for quantity in family if not quantity.column)
            return node_rows(rows, book, times, answers, oldest_seconds)

        nodes = measured(NODE_QUANTITIES)
        asked_root, self._needs_root = self._needs_root, bool(np.isnan(nodes.sample_seconds).any())
        if asked_root:
            nodes = nodes.filled_from(measured(ROOT_QUANTITIES))
        self._names.update(pods, at_seconds)
        family = POD_QUANTITIES
        if self._needs_groups and not any(replies[quantity.name].series for quantity in POD_QUANTITIES):
            family = GROUP_QUANTITIES
        return nodes, pod_rows(self._names, {one.column: replies[one.name].series for one in family if replies[one.name].is_answer})

    def _report(self, replies: Mapping[str, Reply[Any]], nodes: NodeRows, pods: PodRows, at_seconds: float) -> None:
        """Counts what came of a tick, and logs what is otherwise than at the last one."""
        answered = sum(reply.is_answer for reply in replies.values())
        self._metrics.ticked("whole" if answered == len(replies) else "partial" if answered else "empty")
        ages = at_seconds - nodes.sample_seconds[~np.isnan(nodes.sample_seconds)]
        self._metrics.measured(nodes.states, pods.states, nodes.targets, float(np.median(ages)) if len(ages) else float("nan"))
        self._needs_groups = not replies["pod_memory"].series
        self._asker.is_unsure = bool(nodes.unplaced)
        failures: defaultdict[str, list[str]] = defaultdict(list)
        for name, reply in replies.items():
            if reply.outcome not in ("ok", SPARED):
                failures[f"{reply.outcome}: {reply.why}"].append(name)
        if not any(reply.outcome == SPARED for reply in replies.values()):
            self._say("queries failed", "queries are answered", {"failures": dict(failures)} if failures else {})
        reasons = {reason: count for reason, count in nodes.targets.items() if reason in UNPLACED and count}
        shown = {**reasons, "some": nodes.unplaced} if reasons else {}
        self._say("targets of no known node: their samples are left out", "every target's node is known", shown, key=str(reasons))
        known = ~np.isnan(nodes.usage)
        blind = (
            {"rate_window_seconds": self._asking.rate_window_seconds}
            if known[:, _MEMORY].any() and not known[:, _CPU].any()
            else {}
        )
        self._say("memory but no rates: the rate window must span two scrapes or more", "rates are there", blind)

    def _say(self, wrong: str, right: str, what: Mapping[str, Any], key: str | None = None) -> None:
        """Logs a change for the worse or the better, once."""
        state = key if what and key is not None else str(sorted(what)) if what else ""
        before = self._told.get(wrong, "")
        self._told[wrong] = state
        if what and state != before:
            self._log.warning(wrong, **what)
        elif before and not what:
            self._log.info(right)


def _known(sink: MetricSink) -> Cluster:
    cluster = sink.cluster
    if cluster is None:
        raise GenerationUnavailable("no cluster is known", field="cluster_source")
    return cluster
