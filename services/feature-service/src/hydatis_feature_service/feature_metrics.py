"""What feature-service counts of its own: ticks and their parts, what is in the cluster, who subscribes, and the warm store."""

from __future__ import annotations

from hydatis_serving.metrics import GenerationMetrics
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["FeatureMetrics"]

_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class FeatureMetrics:
    """Counters of feature-service; no label names a pod or node."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.generations = GenerationMetrics(registry)
        self._tick_seconds = Histogram(
            "hydatis_tick_seconds",
            "Seconds of a part of a tick.",
            ("part",),
            registry=registry,
            buckets=_BUCKETS_SECONDS,
        )
        self._nodes = Gauge("hydatis_nodes_count", "Nodes in the cluster.", registry=registry)
        self._pods = Gauge("hydatis_bound_pods_count", "Pods bound at the newest tick.", registry=registry)
        self.subscribers = Gauge("hydatis_table_subscribers_count", "Streams of the table that are open.", registry=registry)
        self._warm = Counter("hydatis_warm_writes_total", "Writes of the warm store, by outcome.", ("outcome",), registry=registry)
        self._warm_seconds = Gauge("hydatis_warm_write_seconds", "Seconds of the newest write of the state.", registry=registry)
        self._warm_bytes = Gauge("hydatis_warm_bytes", "Size of the newest state written.", registry=registry)

    def loaded(self, node_count: int) -> None:
        """A cluster was loaded or restored."""
        self._nodes.set(node_count)

    def ticked(self, generation: int, compute_seconds: float, publish_seconds: float, pod_count: int) -> None:
        """A table was made and published."""
        self._tick_seconds.labels("compute").observe(compute_seconds)
        self._tick_seconds.labels("publish").observe(publish_seconds)
        self._pods.set(pod_count)
        self.generations.held("table", generation)

    def warm_written(self, size_bytes: int, seconds: float) -> None:
        """The state was written."""
        self._warm.labels("written").inc()
        self._warm_bytes.set(size_bytes)
        self._warm_seconds.set(seconds)

    def warm_failed(self) -> None:
        """The state could not be written."""
        self._warm.labels("failed").inc()
