"""What the anomaly-detector counts of its own: how long a tick's scores take, why they failed, and how many nodes are flagged."""

from __future__ import annotations

from hydatis_anomaly.risk_table import RiskTable
from hydatis_serving.metrics import GenerationMetrics
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["AnomalyMetrics"]

_BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class AnomalyMetrics:
    """Counters of the anomaly-detector; labels are states and error classes, never nodes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.generations = GenerationMetrics(registry)
        self._seconds = Histogram(
            "hydatis_risk_seconds", "Seconds from table to scores.", registry=registry, buckets=_BUCKETS_SECONDS
        )
        self._failures = Counter(
            "hydatis_risk_failures_total", "Attempts that made no scores, by kind of error.", ("error",), registry=registry
        )
        self._skipped = Gauge(
            "hydatis_risk_skipped_tables_count", "Tables that a newer one replaced before they were scored.", registry=registry
        )
        self._nodes = Gauge(
            "hydatis_anomalous_nodes_count",
            "Nodes by state: flagged (at the newest tick) and confirmed.",
            ("state",),
            registry=registry,
        )

    def made(self, risk: RiskTable, seconds: float) -> None:
        """Scores were made."""
        self._seconds.observe(seconds)
        self.generations.held("risk", risk.generation)
        self._nodes.labels("flagged").set(len(risk.flagged))
        self._nodes.labels("confirmed").set(sum(node.confirmed for node in risk.flagged))

    def failed(self, error: str) -> None:
        """An attempt failed with this class of error."""
        self._failures.labels(error).inc()

    def skipped(self, count: int) -> None:
        """So many tables were skipped so far."""
        self._skipped.set(count)
