"""Catching up: what a sink has missed while it was not there, or could not tick, is asked for before its next tick.

It fails open. Whatever goes wrong, a tick is made in its time, or the service becomes ready, without the past.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from hydatis_core.event_time import generation_at
from hydatis_serving.logs import get_logger
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.queries import Asking

from hydatis_feature_service.prometheus_asker import PrometheusAsker
from hydatis_feature_service.prometheus_books import TargetBooks
from hydatis_feature_service.prometheus_history import Inquiry, recall
from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.sources import Cluster, MetricSink

__all__ = ["CatchUp"]

#: What changes seldom is asked for within this.
_FACTS_SECONDS = 8.0
_log = get_logger(__name__)


class CatchUp:
    """Asks for what is missing.

    Args:
        client: whom.
        asker: what is known of asking it.
        books: whose the targets are.
        asking: windows and matchers.
        metrics: where it is counted.
        clock: Unix seconds.
    """

    def __init__(
        self,
        client: PrometheusClient,
        asker: PrometheusAsker,
        books: TargetBooks,
        asking: Asking,
        metrics: PrometheusSourceMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._asker = asker
        self._books = books
        self._asking = asking
        self._metrics = metrics
        self._clock = clock

    async def fill(self, sink: MetricSink, least_ticks: float, within_seconds: float) -> None:
        """Recalls what is missing before the next tick, if it is so many ticks or more.

        Time passes meanwhile: what it took is asked for, too.
        """
        deadline = monotonic() + within_seconds
        while (cluster := sink.cluster) is not None and (left := deadline - monotonic()) > 0:
            newest_seconds = sink.last_sample_seconds
            last_seconds = generation_at(self._clock(), cluster.tick_seconds) - cluster.scrape_delay_seconds
            if last_seconds - newest_seconds < least_ticks * cluster.tick_seconds:
                return
            try:
                await self.recall(sink, cluster, last_seconds, left)
            except Exception:
                self._metrics.recalled("none", 0.0)
                _log.exception("the past could not be asked for")
                return
            if sink.last_sample_seconds == newest_seconds:  # there is none to be had
                return

    async def recall(self, sink: MetricSink, cluster: Cluster, last_seconds: float, within_seconds: float) -> None:
        """Tells the sink what was measured since its newest samples, up to a time."""
        deadline = monotonic() + within_seconds
        await self._asker.learn(last_seconds, min(within_seconds, _FACTS_SECONDS), cluster.tick_seconds)
        inquiry = Inquiry(
            client=self._client,
            asking=self._asking,
            metrics=self._metrics,
            rows={node.name: row for row, node in enumerate(cluster.nodes)},
            book=self._books.of(cluster, sink.bound_pods(), self._asker.facts),
            recorded=self._asker.facts.recorded,
            tick_seconds=cluster.tick_seconds,
            deadline=deadline,
        )
        recalled = await recall(inquiry, sink.last_sample_seconds, last_seconds)
        taken = await sink.recall(recalled.history)
        self._metrics.recalled(recalled.outcome, last_seconds - recalled.reaches_seconds if taken else 0.0)
        say = _log.info if recalled.outcome == "whole" else _log.warning
        say("the past was asked for", outcome=recalled.outcome, times=taken, reason=recalled.why)
