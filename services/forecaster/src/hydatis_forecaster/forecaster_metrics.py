"""What the forecaster counts of its own: how long a tick's forecast takes, and why one could not be made."""

from __future__ import annotations

from hydatis_serving.metrics import GenerationMetrics
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["ForecasterMetrics"]

_BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ForecasterMetrics:
    """Counters of the forecaster; labels are generation sources and error classes, never nodes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.generations = GenerationMetrics(registry)
        self._seconds = Histogram(
            "hydatis_forecast_seconds", "Seconds from table to forecast.", registry=registry, buckets=_BUCKETS_SECONDS
        )
        self._failures = Counter(
            "hydatis_forecast_failures_total", "Attempts that made no forecast, by kind of error.", ("error",), registry=registry
        )
        self._skipped = Gauge(
            "hydatis_forecast_skipped_tables_count",
            "Tables that a newer one replaced before they were forecast.",
            registry=registry,
        )

    def made(self, generation: int, seconds: float) -> None:
        """A forecast was made."""
        self._seconds.observe(seconds)
        self.generations.held("forecast", generation)

    def failed(self, error: str) -> None:
        """An attempt failed with this class of error."""
        self._failures.labels(error).inc()

    def skipped(self, count: int) -> None:
        """So many tables were skipped so far."""
        self._skipped.set(count)
