"""What the Kubernetes source counts: what it heard, what it had to begin anew, and what it could not take."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["KubernetesMetrics"]


_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class KubernetesMetrics:
    """Counters by resource ("nodes", "pods"); no label names a node or pod."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter("hydatis_watch_events_total", "Watch events, by type.", ("resource", "type"), registry=registry)
        self._failures = Counter(
            "hydatis_watch_failures_total", "Lists and watches that broke off, by cause.", ("resource", "cause"), registry=registry
        )
        self._list_seconds = Gauge("hydatis_list_seconds", "Seconds of the newest whole list.", ("resource",), registry=registry)
        self._listed = Gauge("hydatis_listed_count", "Objects in the newest whole list.", ("resource",), registry=registry)
        self._lists = Counter("hydatis_lists_total", "Whole lists.", ("resource",), registry=registry)
        self._heard = Gauge(
            "hydatis_watch_heard_seconds", "Unix time of the newest word of the API server.", ("resource",), registry=registry
        )
        self._taking = Histogram(
            "hydatis_watch_taking_seconds",
            "Seconds from a watch event's being read until the subscribers are told what it means.",
            ("resource",),
            registry=registry,
            buckets=_BUCKETS_SECONDS,
        )
        self._refused = Counter(
            "hydatis_refused_objects_total", "Objects that could not be read and do not count.", ("resource",), registry=registry
        )
        self.waiting_pods = Gauge(
            "hydatis_waiting_pods_count", "Bound pods whose node is not known, or has nothing to give.", registry=registry
        )

    def heard(self, resource: str, now_seconds: float) -> None:
        """The API server said something."""
        self._heard.labels(resource).set(now_seconds)

    def event(self, resource: str, kind: str) -> None:
        """A watch event of a type."""
        self._events.labels(resource, kind.lower()).inc()

    def took(self, resource: str, seconds: float) -> None:
        """Events that were read were taken."""
        self._taking.labels(resource).observe(seconds)

    def listed(self, resource: str, count: int, seconds: float) -> None:
        """All objects were listed."""
        self._lists.labels(resource).inc()
        self._listed.labels(resource).set(count)
        self._list_seconds.labels(resource).set(seconds)

    def failed(self, resource: str, cause: str) -> None:
        """A list or watch broke off."""
        self._failures.labels(resource, cause).inc()

    def refused(self, resource: str) -> None:
        """An object could not be read."""
        self._refused.labels(resource).inc()
