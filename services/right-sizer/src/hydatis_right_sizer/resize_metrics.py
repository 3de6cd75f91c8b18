"""What is counted of running pods: resizes asked for, why others wait, and what went wrong after them."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from hydatis_right_sizer.resize_plan import HELD

__all__ = ["ResizeMetrics"]


class ResizeMetrics:
    """The metrics of the resizer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.resizes = Counter(
            "hydatis_resizes_total",
            "Steps of resizes of running pods: announced, resized, called_off, given_back, conflict or refused.",
            ("result",),
            registry=registry,
        )
        self.troubles = Counter(
            "hydatis_resize_troubles_total",
            "Pods that fared worse after they were sized, by what happened.",
            ("code",),
            registry=registry,
        )
        self.quarantined = Gauge("hydatis_quarantined_workloads_count", "Workloads that rest after trouble.", registry=registry)
        self.is_possible = Gauge("hydatis_resize_possible", "1: the API server resizes pods in place.", registry=registry)
        self._held = Gauge("hydatis_resizes_held_count", "Running pods that have to wait, by cause.", ("cause",), registry=registry)

    def held(self, counts: Mapping[str, int]) -> None:
        """Says how many pods wait, and why."""
        for cause in HELD:
            self._held.labels(cause).set(counts.get(cause, 0))
