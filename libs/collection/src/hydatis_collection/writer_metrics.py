"""What is counted of the feature writer: a store that is down must be seen, and so must what was lost to it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["WriterMetrics"]


class WriterMetrics:
    """Series of the feature writer, by store ("offline", "online")."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.writes = Counter(
            "hydatis_feature_writes_total",
            "Generations: written, held (there already), failed (tried again), superseded (by a newer one), refused (for good).",
            ("store", "outcome"),
            registry=registry,
        )
        self.newest = Gauge(
            "hydatis_feature_newest_generation_seconds",
            "Event time of the newest generation in the store.",
            ("store",),
            registry=registry,
        )
        self.seconds = Histogram(
            "hydatis_feature_write_seconds",
            "How long a generation took to write.",
            ("store",),
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
            registry=registry,
        )

    def counts(self, store: str) -> dict[str, int]:
        """Outcomes so far of one store."""
        (family,) = self.writes.collect()
        return {
            sample.labels["outcome"]: int(sample.value)
            for sample in family.samples
            if sample.labels.get("store") == store and sample.name.endswith("_total")
        }
