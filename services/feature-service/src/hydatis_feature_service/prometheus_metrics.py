"""What the Prometheus source counts: what came of its queries, which targets it could tell, how much of the cluster it measured."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from hydatis_feature_service import prometheus_targets

__all__ = ["PrometheusSourceMetrics"]


class PrometheusSourceMetrics:
    """Counters of the Prometheus source; no label names a pod, node or target."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._queries = Counter(
            "hydatis_prometheus_queries_total",
            "Queries to Prometheus, by what is asked and what came of it.",
            ("query", "outcome"),
            registry=registry,
        )
        self._seconds = Gauge(
            "hydatis_prometheus_query_seconds", "Seconds of the newest query, waiting included.", ("query",), registry=registry
        )
        self._ticks = Counter(
            "hydatis_prometheus_ticks_total",
            "Ticks, by what was measured: whole, partial, empty (nothing), spared (backing off: not asked), failed.",
            ("outcome",),
            registry=registry,
        )
        self._targets = Gauge(
            "hydatis_prometheus_targets_count",
            "Targets that measure nodes, by the strategy that told their node, or why none did.",
            ("outcome",),
            registry=registry,
        )
        self._nodes = Gauge(
            "hydatis_prometheus_nodes_count",
            "Nodes at the newest tick: measured, stale (samples too old), unmeasured.",
            ("state",),
            registry=registry,
        )
        self._pods = Gauge(
            "hydatis_prometheus_pods_count",
            "Pods measured at the newest tick, and series left out: unbound (of no pod bound), renewed (perhaps a namesake's).",
            ("state",),
            registry=registry,
        )
        self._age = Gauge(
            "hydatis_prometheus_sample_age_seconds",
            "Median age of the nodes' newest samples at the newest tick.",
            registry=registry,
        )
        self._rules = Gauge(
            "hydatis_prometheus_rules_in_use", "1: recorded series are read; 0: the exporters' own.", registry=registry
        )
        self._recalls = Counter(
            "hydatis_prometheus_recalls_total",
            "Times that the past was asked for, by what was answered: whole, partial (the newest part), none.",
            ("outcome",),
            registry=registry,
        )
        self._recalled = Gauge(
            "hydatis_prometheus_recalled_seconds", "How far back the newest answer about the past reached.", registry=registry
        )
        for outcome in prometheus_targets.OUTCOMES:
            self._targets.labels(outcome)

    def queried(self, query: str, outcome: str, seconds: float) -> None:
        """A query ended."""
        self._queries.labels(query, outcome).inc()
        self._seconds.labels(query).set(seconds)

    def recalled(self, outcome: str, reach_seconds: float) -> None:
        """The past was asked for."""
        self._recalls.labels(outcome).inc()
        self._recalled.set(reach_seconds)

    def ticked(self, outcome: str) -> None:
        """A tick was told, or failed."""
        self._ticks.labels(outcome).inc()

    def measured(self, nodes: Mapping[str, int], pods: Mapping[str, int], targets: Mapping[str, int], age_seconds: float) -> None:
        """What a scrape came to."""
        for outcome in prometheus_targets.OUTCOMES:
            self._targets.labels(outcome).set(targets.get(outcome, 0))
        for state, count in nodes.items():
            self._nodes.labels(state).set(count)
        for state, count in pods.items():
            self._pods.labels(state).set(count)
        self._age.set(age_seconds)

    def rules_in_use(self, recorded: bool) -> None:
        """Which series are read."""
        self._rules.set(recorded)
