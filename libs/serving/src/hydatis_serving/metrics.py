"""Metrics of a process: one registry, and the names that every service shares.

A dashboard that knows one service should know all of them, so the metrics that every service has are made here, once, under one
name. What only one service counts, it registers itself.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["RPC_BUCKETS_SECONDS", "GenerationMetrics", "RpcMetrics", "StreamMetrics", "new_registry", "render"]

#: From a bare loop-back call (a quarter of a millisecond) to a deadline nobody keeps.
RPC_BUCKETS_SECONDS = (0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.5, 10.0)


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
