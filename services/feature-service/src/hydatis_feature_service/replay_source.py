"""The replay source: a driver says what Prometheus and the Kubernetes API would have said.

Nothing here advances by itself. The driver's calls reach the sinks one by one, and each returns when its effect is out, so that a
month passes in minutes and gives the same tables twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.events import PodEvent

from hydatis_feature_service.scrape import Scrape
from hydatis_feature_service.sources import Cluster, ClusterSink, MetricSink, Synced

__all__ = ["ReplayCluster", "ReplayMetrics"]

Sink = TypeVar("Sink")


class ReplayCluster:
    """Nodes and pods as the driver says them."""

    def __init__(self) -> None:
        self._sink: ClusterSink | None = None

    async def start(self, sink: ClusterSink, synced: Synced) -> None:
        """From now on calls reach the sink. There is nothing to wait for: the driver says the cluster when it likes."""
        self._sink = sink
        await synced()

    async def stop(self) -> None:
        """From now on calls fail."""
        self._sink = None

    async def load(self, cluster: Cluster) -> int:
        """Begins anew; returns the node count."""
        return await _started(self._sink).load(cluster)

    async def report(self, events: Sequence[PodEvent]) -> int:
        """Passes events on; returns the newest generation."""
        return await _started(self._sink).report(events)


class ReplayMetrics:
    """Samples as the driver says them."""

    def __init__(self) -> None:
        self._sink: MetricSink | None = None

    async def start(self, sink: MetricSink, recalled: Synced) -> None:
        """From now on calls reach the sink. Nothing is remembered: the driver says all that was."""
        self._sink = sink
        await recalled()

    async def stop(self) -> None:
        """From now on calls fail."""
        self._sink = None

    async def advance(self, scrape: Scrape) -> int:
        """Passes a tick on; returns its generation once it is published."""
        return await _started(self._sink).advance(scrape)


def _started(sink: Sink | None) -> Sink:
    if sink is None:
        raise DependencyUnavailable("the replay source is not started", field="source")
    return sink
