"""The two seams of feature-service: where samples come from, and where nodes and pods come from.

A live cluster has Prometheus and the Kubernetes API, a replay has a driver; what is computed from them must not know which. A
source is started with the sink that takes what it finds, and pushes; in a replay the push is what makes time pass.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hydatis_core.errors import Duplicate, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_features.cluster_state import BoundPod
from hydatis_features.history import History
from hydatis_serving.events import PodEvent

from hydatis_feature_service.scrape import Scrape

__all__ = ["Cluster", "ClusterSink", "ClusterSource", "MetricSink", "MetricSource", "Synced"]

#: What a source calls once the sink knows what there is: all nodes and bound pods, or what was measured before.
Synced = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and how it is measured.

    Raises:
        InvalidValue: a length of time is none.
        Duplicate: a node stands twice.
    """

    nodes: tuple[Node, ...]
    """In row order; a live cluster may have none yet."""
    tick_seconds: float
    """Length of a tick: whole seconds >= 1, since a generation is a whole number of seconds."""
    scrape_delay_seconds: float
    """Between a sample's being taken and its being seen, >= 0."""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By node name: host names and IP addresses the node answers to, as its status says them. Samples are joined by them."""

    def __post_init__(self) -> None:
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

    async def change_nodes(self, cluster: Cluster) -> list[PodEvent]:
        """Sets the nodes anew: what is known of those that stay, is kept. Returns the binds of the pods that went with theirs."""
        ...

    async def report(self, events: Sequence[PodEvent]) -> int:
        """Takes pods bound and ended, all or none of them; returns the newest generation."""
        ...

    def take(self, events: Sequence[PodEvent]) -> None:
        """As ``report``, without waiting for the subscribers."""
        ...

    def pod(self, uid: str) -> Pod | None:
        """A pod that is bound, or None."""
        ...

    def pods_by_uid(self) -> Mapping[str, Pod]:
        """The pods that are bound, those taken this moment included."""
        ...


class MetricSink(Protocol):
    """What takes samples."""

    async def advance(self, scrape: Scrape) -> int:
        """Takes one tick's samples; returns its generation once the table is published."""
        ...

    async def recall(self, history: History) -> int:
        """Takes what was measured before the next tick and is not known yet; returns how many times it took."""
        ...

    @property
    def last_sample_seconds(self) -> float:
        """When the newest samples that it knows were taken; -inf: it knows none."""
        ...

    @property
    def cluster(self) -> Cluster | None:
        """The cluster as it is known now: its nodes, their addresses, the length of a tick. None: none yet."""
        ...

    def bound_pods(self) -> Sequence[BoundPod]:
        """The pods that are bound and where: samples know a pod by its namespace and name."""
        ...


class ClusterSource(Protocol):
    """Where nodes and pods come from."""

    async def start(self, sink: ClusterSink, synced: Synced) -> None:
        """Begins to push, and returns; ``synced`` is awaited once, when the sink knows what there is."""
        ...

    async def stop(self) -> None:
        """Ends it."""
        ...


class MetricSource(Protocol):
    """Where samples come from."""

    async def start(self, sink: MetricSink, recalled: Synced) -> None:
        """Begins to push one scrape per tick; ``recalled`` is awaited once, when the sink knows what the source remembers."""
        ...

    async def stop(self) -> None:
        """Ends it."""
        ...
