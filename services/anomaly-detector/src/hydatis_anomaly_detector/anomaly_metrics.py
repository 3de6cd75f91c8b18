"""What the anomaly-detector counts beside the work of its ticks: how many nodes are flagged.

An operator wants to see a fleet turn odd before any placement does, without a series per node.
"""

from __future__ import annotations

from hydatis_anomaly.risk_table import RiskTable
from prometheus_client import CollectorRegistry, Gauge

__all__ = ["AnomalyMetrics"]


class AnomalyMetrics:
    """Counts nodes by state; labels are states, never nodes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._nodes = Gauge(
            "hydatis_anomalous_nodes_count",
            "Nodes by state: flagged (at the newest tick) and confirmed.",
            ("state",),
            registry=registry,
        )

    def flagged(self, risk: RiskTable) -> None:
        """These are the newest flags."""
        self._nodes.labels("flagged").set(len(risk.flagged))
        self._nodes.labels("confirmed").set(sum(node.confirmed for node in risk.flagged))
