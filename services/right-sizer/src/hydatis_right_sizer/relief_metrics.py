"""What relief shows: how hot every node is forecast to be, what the descheduler is told of it, and what was done.

Nodes are labels here and nowhere else in this service: the descheduler's own mechanism asks Prometheus for a figure of every node.
Only the replica that leads shows them, so a node is never told of twice for longer than a scrape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = ["ReliefMetrics"]


class ReliefMetrics(Collector):
    """The metrics of relief."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._forecast: Mapping[str, float] = {}
        self._handed: Mapping[str, float] = {}
        registry.register(self)
        self.actions = Counter(
            "hydatis_relief_actions_total",
            "Nodes closed and opened, by action and result.",
            ("action", "result"),
            registry=registry,
        )
        self.tainted_nodes = Gauge("hydatis_relief_tainted_nodes_count", "Nodes that are closed as hot.", registry=registry)
        self.held_back_nodes = Gauge(
            "hydatis_relief_held_back_nodes_count", "Nodes hot for long enough that stay open: bounds say so.", registry=registry
        )
        self.forecast_age_seconds = Gauge(
            "hydatis_relief_forecast_age_seconds", "Age of the forecast that was looked at last; NaN: none came.", registry=registry
        )
        self.forecast_age_seconds.set(float("nan"))

    def show(self, forecast: Mapping[str, float], handed: Mapping[str, float]) -> None:
        """Shows ratios by node; empty ones: this replica does not lead, or relief is off."""
        self._forecast, self._handed = forecast, handed

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The two of every node; a forecast that is not known is left out, what is handed never is."""
        for name, text, ratios in (
            ("forecast", "Hottest use of the coming hour, p95 of CPU or memory over allocatable.", self._forecast),
            ("handed", "What the descheduler is told, 0..1: above the hot ratio only where a taint is, too.", self._handed),
        ):
            family = GaugeMetricFamily(f"hydatis_relief_node_{name}_ratio", text, labels=["node"])
            for node, ratio in ratios.items():
                if not math.isnan(ratio):
                    family.add_metric([node], ratio)
            yield family
