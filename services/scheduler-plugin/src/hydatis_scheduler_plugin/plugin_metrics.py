"""What the scheduler plugin counts: errors of an extender are almost invisible in kube-scheduler, so they must be seen here.

Every label has a fixed set of values, none comes from a request. Label children are looked up once, since a decision touches
several.
"""

from __future__ import annotations

from typing import get_args

from hydatis_placement.admission import REASONS
from hydatis_placement.ladder import Rung
from hydatis_serving.metrics import RPC_BUCKETS_SECONDS, GenerationMetrics, StreamMetrics
from hydatis_serving.policy_file import Mode, Policy
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

__all__ = ["STAGES", "PluginMetrics"]

#: Where the wall clock of a decision goes, in the order of a decision. "shim_score" happens after the answer to /filter is out.
STAGES = ("shim_read", "shim_prepare", "shim_rank_nodes", "shim_answer_filter", "shim_score", "shim_prioritize")


class PluginMetrics:
    """The metrics of one plugin."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.generations = GenerationMetrics(registry)
        self.streams = StreamMetrics(registry)
        self._decisions = Counter(
            "hydatis_decisions_total",
            "Decisions by rung (full .. abstain, or none: the pod is not ours) and the reason why not a higher one.",
            ("rung", "reason"),
            registry=registry,
        )
        self._requests = Counter(
            "hydatis_extender_requests_total", "Requests answered, by verb and HTTP status.", ("verb", "code"), registry=registry
        )
        seconds = Histogram(
            "hydatis_extender_seconds",
            "Seconds from a read request to its answer, by verb.",
            ("verb",),
            registry=registry,
            buckets=RPC_BUCKETS_SECONDS,
        )
        self.refused_connections = Gauge(
            "hydatis_extender_refused_connections_count",
            "Connections ended since they were too many, too slow or said too much.",
            registry=registry,
        )
        self.seconds = {verb: seconds.labels(verb) for verb in ("filter", "prioritize")}
        stages = Summary("hydatis_stage_seconds", "Seconds by part of a decision.", ("stage",), registry=registry)
        self.stages = {stage: stages.labels(stage) for stage in STAGES}
        rejections = Counter("hydatis_filter_rejections_total", "Nodes rejected, by reason.", ("reason",), registry=registry)
        self.rejections = tuple(rejections.labels(reason) for reason in REASONS)
        self.waived = Counter(
            "hydatis_filter_waived_total",
            "Filters that would have rejected every node and therefore rejected none.",
            registry=registry,
        )
        cache = Counter("hydatis_ranking_cache_total", "Rankings taken from the cache or made.", ("result",), registry=registry)
        self.cache_hit, self.cache_miss = cache.labels("hit"), cache.labels("miss")
        self.risk_masked = Counter("hydatis_risk_masked_total", "Decisions made without risk scores.", registry=registry)
        self.policy_good = Gauge(
            "hydatis_policy_file_good", "1: the policy in force is the file's; 0: the file is bad.", registry=registry
        )
        self._policy_reads = Counter(
            "hydatis_policy_file_reads_total", "Readings of the policy file.", ("result",), registry=registry
        )
        self.policy_heard = Gauge(
            "hydatis_policy_heard", "1: the API server tells of changes of the policy; 0: the file alone does.", registry=registry
        )
        self._policy_mode = Gauge("hydatis_policy_mode", "1: the mode in force.", ("mode",), registry=registry)
        self.breaker_open = Gauge("hydatis_breaker_open", "1: placement-policy failed and is being probed.", registry=registry)
        self.generation_age = Gauge(
            "hydatis_generation_age_seconds", "Event time now less the generation decided on; NaN: none.", registry=registry
        )
        self.credits = Gauge("hydatis_credited_pods_count", "Pods chosen or bound that are credited.", registry=registry)
        self.records_dropped = Gauge(
            "hydatis_decision_records_dropped_count", "Decision records dropped because the queue was full.", registry=registry
        )
        self.fan_out = Counter(
            "hydatis_fan_out_total", "Calls for a forecast or risk that was not here.", ("peer", "result"), registry=registry
        )

    def staged(self, stage: str, seconds: float) -> None:
        """Counts one of ``STAGES``."""
        self.stages[stage].observe(seconds)

    def decided(self, rung: Rung | None, reason: str) -> None:
        """Counts a decision; rung None: the pod is not ours, reason says why."""
        self._decisions.labels(rung.name.lower() if rung is not None else "none", reason or "none").inc()

    def answered(self, route: str, code: int) -> None:
        """Counts an answer; the route is one of those served, or "unknown"."""
        self._requests.labels(route.strip("/").rpartition("/")[2], str(code)).inc()

    def policy_mode(self, policy: Policy) -> None:
        """Says which mode is in force."""
        for mode in get_args(Mode):
            self._policy_mode.labels(mode).set(policy.enabled and policy.mode == mode)

    def policy_read(self, good: bool) -> None:
        """Counts a reading of the policy file and says whether it is good."""
        self._policy_reads.labels("good" if good else "bad").inc()
        self.policy_good.set(1 if good else 0)
