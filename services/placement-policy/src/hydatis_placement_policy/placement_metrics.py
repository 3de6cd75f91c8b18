"""What placement-policy counts of its own: who answered, how long each part took, and why the model server did not."""

from __future__ import annotations

from hydatis_serving.metrics import GenerationMetrics
from prometheus_client import CollectorRegistry, Counter, Gauge, Summary

__all__ = ["STAGES", "PlacementMetrics"]

#: Where the wall clock of a ranking goes, in order: reading the request, after-states, the model server (or the local policy,
#: where it failed), writing the answer.
STAGES = ("placement_read", "placement_states", "placement_model", "placement_local", "placement_answer")


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
        stages = Summary("hydatis_stage_seconds", "Seconds by part of a ranking.", ("stage",), registry=registry)
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
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

    def staged(self, stage: str, seconds: float) -> None:
        """Counts one of ``STAGES``."""
        self._stages[stage].observe(seconds)

    def answered(self, source: str) -> None:
        """One call was answered by ``source``."""
        self._answers.labels(source).inc()

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
