"""What the right-sizer counts: whatever it does to a pod or does not must be seen without reading logs.

Every label has a fixed set of values; none names a namespace, a pod or a node.
"""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hydatis_right_sizer.policy import Mode

__all__ = ["RightSizerMetrics"]

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.064, 0.25, 1.0)


class RightSizerMetrics:
    """The metrics of one right-sizer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.admissions = Counter(
            "hydatis_admissions_total",
            "Pods that the API server asked about, by what was done (sized, reported, left) and why.",
            ("outcome", "reason"),
            registry=registry,
        )
        self.admission_seconds = Histogram(
            "hydatis_admission_seconds", "Seconds from a whole request to its answer.", registry=registry, buckets=_SECONDS
        )
        self.admission_failures = Counter(
            "hydatis_admission_failures_total",
            "Requests answered without a look at the pod, by cause; the pod is allowed all the same.",
            ("cause",),
            registry=registry,
        )
        self.clamped = Counter(
            "hydatis_recommendations_clamped_total",
            "Requests set higher than recommended, by cause.",
            ("cause",),
            registry=registry,
        )
        self.refused = Counter(
            "hydatis_recommendations_refused_total",
            "Recommendations not applied to a pod, by cause.",
            ("cause",),
            registry=registry,
        )
        self.reclaimed = Counter(
            "hydatis_reclaimed_total",
            "Taken from the requests of new pods: cores and bytes.",
            ("resource",),
            registry=registry,
        )
        self.refused_connections = Gauge(
            "hydatis_admission_refused_connections_count",
            "Connections ended since they were too many or too slow.",
            registry=registry,
        )
        self._policy_good = Gauge("hydatis_policy_file_good", "1: the policy in force is the ConfigMap's.", registry=registry)
        self._policy_reads = Counter("hydatis_policy_file_reads_total", "Readings of the policy.", ("result",), registry=registry)
        self._policy_mode = Gauge("hydatis_policy_mode", "1: the mode in force.", ("mode",), registry=registry)
        self.leads = Gauge("hydatis_leader", "1: this replica does what only one may do.", registry=registry)
        self.role_failures = Counter(
            "hydatis_role_failures_total",
            "Times that a part of the leader broke off and was begun anew.",
            ("role",),
            registry=registry,
        )
        self.audited = Counter("hydatis_audited_total", "Actions recorded, by action.", ("action",), registry=registry)
        self.events_dropped = Counter(
            "hydatis_events_dropped_total", "Kubernetes events that were not made: too many, or refused.", registry=registry
        )
        self.held_levels = Gauge(
            "hydatis_held_levels_count",
            "Workloads whose requests may not fall to what is advised yet, by cause.",
            ("cause",),
            registry=registry,
        )
        self.taken_ratio = Gauge(
            "hydatis_taken_ratio", "Share of the cluster's requests taken away within the window.", ("resource",), registry=registry
        )
        self.capped_nodes = Gauge(
            "hydatis_capped_nodes_count", "Nodes that advertise what may be reclaimed of them.", registry=registry
        )
        self.cap_changes = Counter(
            "hydatis_node_cap_changes_total", "Changes of what nodes advertise, by result.", ("result",), registry=registry
        )

    def policy_mode(self, mode: str) -> None:
        """Says which mode is in force."""
        for one in get_args(Mode):
            self._policy_mode.labels(one).set(one == mode)

    def policy_read(self, good: bool) -> None:
        """Counts a reading of the policy and says whether it is good."""
        self._policy_reads.labels("good" if good else "bad").inc()
        self._policy_good.set(1 if good else 0)
