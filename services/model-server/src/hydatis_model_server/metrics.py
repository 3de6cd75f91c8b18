"""What model-server counts, by model, version and code.

The SDK's own series know neither versions nor errors, so a canary could not be judged by them; these are what the judge reads.
"""

from __future__ import annotations

from hydatis_serving.metrics import RPC_BUCKETS_SECONDS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

__all__ = ["STAGES", "ModelMetrics"]

#: Where the wall clock of a call goes, in order: reading and checking the request, the model, writing the answer.
STAGES = ("model_read", "model_compute", "model_answer")

_ROW_BUCKETS = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 50000)


class ModelMetrics:
    """The series of one model."""

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self._model = model
        labels = ("model", "version", "code")
        self._requests = Counter("hydatis_model_requests_total", "Calls to the model, by status code.", labels, registry=registry)
        self._seconds = Histogram(
            "hydatis_model_seconds",
            "Seconds from the request to the answer, without the wire.",
            ("model", "version"),
            registry=registry,
            buckets=RPC_BUCKETS_SECONDS,
        )
        self._rows = Histogram(
            "hydatis_model_rows_count", "Rows per call.", ("model", "version"), registry=registry, buckets=_ROW_BUCKETS
        )
        stages = Summary("hydatis_stage_seconds", "Seconds by part of a call.", ("stage",), registry=registry)
        self._stages = tuple(stages.labels(stage) for stage in STAGES)
        # Children by version, looked up once: three look-ups by three labels cost more than the counting.
        self._by_version: dict[str, tuple[Counter, Histogram, Histogram]] = {}
        self._refused = Counter(
            "hydatis_artifact_refused_total", "Versions that were not taken.", ("model", "version"), registry=registry
        )
        self._served = Gauge(
            "hydatis_model_served", "1: this version is served; 0: it was.", ("model", "version"), registry=registry
        )

    def answered(self, version: str, rows_count: int, *seconds: float) -> None:
        """A call was answered; ``seconds`` are those of each of ``STAGES``."""
        children = self._by_version.get(version)
        if children is None:
            of = self._model, version
            children = self._by_version[version] = (
                self._requests.labels(*of, "OK"),
                self._seconds.labels(*of),
                self._rows.labels(*of),
            )
        requests, took, rows = children
        requests.inc()
        took.observe(sum(seconds))
        rows.observe(rows_count)
        for stage, spent in zip(self._stages, seconds, strict=True):
            stage.observe(spent)

    def failed(self, version: str, code: str) -> None:
        """A call was not answered; ``code`` is the gRPC status code that says why."""
        self._requests.labels(self._model, version, code).inc()

    def refused(self, version: str) -> None:
        """A version was not taken."""
        self._refused.labels(self._model, version).inc()

    def serves(self, version: str, before: str | None) -> None:
        """A version took over from another (None: from none)."""
        if before is not None:
            self._served.labels(self._model, before).set(0)
        self._served.labels(self._model, version).set(1)
