"""Pods bound and ended, as they come over the wire.

The libs speak of state and not of its changes, so the change itself is a value of this room: what feature-service is told, and what
subscribers of the node table get.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse

__all__ = ["BindDelta", "PodEvent", "PodEventKind"]


class PodEventKind(Enum):
    """What happened to a pod."""

    BOUND = "bound"
    """It was bound to a node."""
    ENDED = "ended"
    """It ended, failed, was evicted or deleted: it holds nothing any more."""


@dataclass(frozen=True, slots=True)
class PodEvent:
    """One pod bound to, or gone from, a node."""

    kind: PodEventKind
    """What happened."""
    pod: Pod
    """The pod; of one that ended only ``uid`` needs to be right."""
    node_name: str
    """The node it was bound to, or was on."""
    event_time_seconds: float
    """When, Unix seconds in event time."""

    @classmethod
    def bound(cls, pod: Pod, node_name: str, event_time_seconds: float) -> PodEvent:
        """A pod was bound to a node."""
        return cls(PodEventKind.BOUND, pod, node_name, event_time_seconds)

    @classmethod
    def ended(cls, uid: str, node_name: str, event_time_seconds: float) -> PodEvent:
        """A pod that was on a node is gone."""
        return cls(PodEventKind.ENDED, Pod(uid), node_name, event_time_seconds)

    @property
    def is_bound(self) -> bool:
        """Whether the pod was bound; else it ended."""
        return self.kind is PodEventKind.BOUND


@dataclass(frozen=True, slots=True)
class BindDelta:
    """A pod event as subscribers of the table get it. Idempotent by pod uid and kind."""

    generation: int
    """Newest table when it happened: a table of a later generation counts its requests itself."""
    event: PodEvent
    """What happened."""
    expected_use: ExpectedUse | None
    """What the pod is expected to use; None when it ended."""
