"""What placement-policy counts of its own: who answered, how long each part took, and why the model server did not."""

from __future__ import annotations

from hydatis_serving.metrics import RPC_BUCKETS_SECONDS, GenerationMetrics
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["PlacementMetrics"]


class PlacementMetrics:
    """Counters of placement-policy; labels are sources, parts and error classes, never pods or nodes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.generations = GenerationMetrics(registry)
        self._answers = Counter(
            "hydatis_policy_answers_total",
            "Rankings, by who computed them: model_server, local, none.",
            ("source",),
            registry=registry,
        )
        self._seconds = Histogram(
            "hydatis_rank_part_seconds",
            "Seconds of one part of a ranking: states (building after-states), model_server, local.",
            ("part",),
            registry=registry,
            buckets=RPC_BUCKETS_SECONDS,
        )
        self._failures = Counter(
            "hydatis_policy_model_failures_total",
            "Calls and probes that the model server failed, by error.",
            ("error",),
            registry=registry,
        )
        self._refused = Counter(
            "hydatis_artifact_refused_total", "Versions that were not taken.", ("model", "version"), registry=registry
        )
        self._open = Gauge("hydatis_policy_circuit_open", "1: the model server is probed and not asked.", registry=registry)

    def built(self, seconds: float) -> None:
        """After-states of one call were built."""
        self._seconds.labels("states").observe(seconds)

    def answered(self, source: str, seconds: float) -> None:
        """One call was answered by ``source``."""
        self._answers.labels(source).inc()
        self._seconds.labels(source).observe(seconds)

    def unanswered(self) -> None:
        """Neither the model server nor a local policy could answer."""
        self._answers.labels("none").inc()

    def model_failed(self, error: str) -> None:
        """The model server failed with this class of error."""
        self._failures.labels(error).inc()

    def refused(self, model: str, version: str) -> None:
        """A version of the local policy was not taken."""
        self._refused.labels(model, version).inc()

    def circuit_open(self, is_open: bool) -> None:
        """The circuit opened or closed."""
        self._open.set(is_open)
