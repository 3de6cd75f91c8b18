"""Metrics of a process: one registry, and the names that every service shares.

A dashboard that knows one service should know all of them, so the metrics that every service has are made here, once, under one
name. What only one service counts, it registers itself.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["RPC_BUCKETS_SECONDS", "GenerationMetrics", "RpcMetrics", "StreamMetrics", "TickMetrics", "new_registry", "render"]

#: From a bare loop-back call (a quarter of a millisecond) to a deadline nobody keeps.
RPC_BUCKETS_SECONDS = (0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.5, 10.0)
#: From a small cluster and a small model to a tick that is nearly lost.
_TICK_BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def new_registry(service_name: str = "", version: str = "") -> CollectorRegistry:
    """A registry with the process's own metrics (CPU, memory, open files, garbage collection) and ``hydatis_build_info``."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    if service_name:
        info = Gauge("hydatis_build_info", "Always 1; its labels say what runs.", ("service", "version"), registry=registry)
        info.labels(service_name, version).set(1)
    return registry


def render(registry: CollectorRegistry) -> tuple[bytes, str]:
    """The metrics as text, and its content type, for a service that has an HTTP server of its own."""
    return generate_latest(registry), CONTENT_TYPE_LATEST


class RpcMetrics:
    """What is counted of every call answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "hydatis_rpc_requests_total", "Calls answered, by method and status code.", ("method", "code"), registry=registry
        )
        self.seconds = Histogram(
            "hydatis_rpc_seconds",
            "Seconds from request to answer; streams are not in it.",
            ("method",),
            registry=registry,
            buckets=RPC_BUCKETS_SECONDS,
        )
        self.open_streams = Gauge("hydatis_rpc_open_streams_count", "Streams open now.", ("method",), registry=registry)


class GenerationMetrics:
    """How new what a process holds is."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._newest = Gauge(
            "hydatis_generation_seconds",
            "Newest generation held: its tick time, Unix seconds of event time.",
            ("source",),
            registry=registry,
        )

    def held(self, source: str, generation: int) -> None:
        """Says that a generation of ``source`` ("table", "forecast", "risk") is held now."""
        self._newest.labels(source).set(generation)


class TickMetrics:
    """What is counted of the one thing that a service makes of each node table; labels are error classes, never nodes.

    Of "forecast": ``hydatis_forecast_seconds``, ``hydatis_forecast_failures_total{error}``,
    ``hydatis_forecast_skipped_tables_count`` and ``hydatis_generation_seconds{source="forecast"}``; of "risk":
    ``hydatis_risk_seconds`` and so on.

    Args:
        registry: where they are registered.
        source: what is made ("forecast", "risk"), as in ``GenerationMetrics.held``.
    """

    def __init__(self, registry: CollectorRegistry, source: str) -> None:
        self._source = source
        self._generations = GenerationMetrics(registry)
        self._seconds = Histogram(
            f"hydatis_{source}_seconds", f"Seconds from table to {source}.", registry=registry, buckets=_TICK_BUCKETS_SECONDS
        )
        self._failures = Counter(
            f"hydatis_{source}_failures_total", f"Attempts that made no {source}, by kind of error.", ("error",), registry=registry
        )
        self._skipped = Gauge(
            f"hydatis_{source}_skipped_tables_count",
            f"Tables that a newer one replaced before their {source} was begun.",
            registry=registry,
        )

    def made(self, generation: int, seconds: float) -> None:
        """It was made of the table of this generation."""
        self._seconds.observe(seconds)
        self._generations.held(self._source, generation)

    def failed(self, error: str) -> None:
        """An attempt failed with this class of error."""
        self._failures.labels(error).inc()

    def skipped(self, count: int) -> None:
        """So many tables were skipped so far."""
        self._skipped.set(count)


class StreamMetrics:
    """What is counted of every stream subscribed to."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge(
            "hydatis_stream_connected", "1: the stream delivers; 0: it is being reconnected.", ("stream",), registry=registry
        )
        self.reconnects = Counter("hydatis_stream_reconnects_total", "Times that the stream broke.", ("stream",), registry=registry)
        self.bad_messages = Counter(
            "hydatis_stream_bad_messages_total",
            "Messages refused because they were wrong; each costs a reconnect.",
            ("stream",),
            registry=registry,
        )
