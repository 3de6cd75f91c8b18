"""The two seams of feature-service: where samples come from, and where nodes and pods come from.

A live cluster has Prometheus and the Kubernetes API, a replay has a driver; what is computed from them must not know which. A
source is started with the sink that takes what it finds, and pushes; in a replay the push is what makes time pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hydatis_core.errors import Duplicate, InvalidValue
from hydatis_core.nodes import Node
from hydatis_serving.events import PodEvent

from hydatis_feature_service.scrape import Scrape

__all__ = ["Cluster", "ClusterSink", "ClusterSource", "MetricSink", "MetricSource"]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and how it is measured.

    Raises:
        InvalidValue: there is no node, or a length of time is none.
        Duplicate: a node stands twice.
    """

    nodes: tuple[Node, ...]
    """In row order, at least one."""
    tick_seconds: float
    """Length of a tick: whole seconds >= 1, since a generation is a whole number of seconds."""
    scrape_delay_seconds: float
    """Between a sample's being taken and its being seen, >= 0."""

    def __post_init__(self) -> None:
        if not self.nodes:
            raise InvalidValue("there is no node", field="nodes", expected="at least one")
        if len({node.name for node in self.nodes}) != len(self.nodes):
            raise Duplicate("a node stands twice", field="nodes", expected="names without repeats")
        if not (math.isfinite(self.tick_seconds) and self.tick_seconds >= 1 and self.tick_seconds == int(self.tick_seconds)):
            raise InvalidValue(f"{self.tick_seconds!r} is not a tick", field="tick_seconds", expected="whole seconds >= 1")
        if not (math.isfinite(self.scrape_delay_seconds) and self.scrape_delay_seconds >= 0):
            shown = f"{self.scrape_delay_seconds!r} is not a delay"
            raise InvalidValue(shown, field="scrape_delay_seconds", expected="seconds >= 0")


class ClusterSink(Protocol):
    """What takes nodes and pods."""

    async def load(self, cluster: Cluster) -> int:
        """Begins anew with a cluster; returns its node count."""
        ...

    async def report(self, events: Sequence[PodEvent]) -> int:
        """Takes pods bound and ended, all or none of them; returns the newest generation."""
        ...


class MetricSink(Protocol):
    """What takes samples."""

    async def advance(self, scrape: Scrape) -> int:
        """Takes one tick's samples; returns its generation once the table is published."""
        ...


class ClusterSource(Protocol):
    """Where nodes and pods come from."""

    async def start(self, sink: ClusterSink) -> None:
        """Begins to push."""
        ...

    async def stop(self) -> None:
        """Ends it."""
        ...


class MetricSource(Protocol):
    """Where samples come from."""

    async def start(self, sink: MetricSink) -> None:
        """Begins to push one scrape per tick."""
        ...

    async def stop(self) -> None:
        """Ends it."""
        ...
