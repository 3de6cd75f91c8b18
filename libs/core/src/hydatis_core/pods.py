"""A pod, as far as placing it needs to know it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hydatis_core.errors import InvalidValue
from hydatis_core.resources import Resources

__all__ = ["Pod"]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod to be placed, or placed.

    Raises:
        InvalidValue: the uid is empty.
    """

    uid: str
    """Identity for the pod's whole life; credits and deltas are keyed by it."""
    name: str = ""
    """Unique in its namespace."""
    namespace: str = "default"
    workload: str = ""
    """The owner that makes like pods; profiles are kept by it. Empty: unknown."""
    requests: Resources = field(default_factory=Resources)
    """Sum of the containers' requests; zero: none."""
    limits: Resources = field(default_factory=Resources)
    """Sum of the containers' limits; zero: none."""
    priority: int = 0
    """Higher is more important."""

    def __post_init__(self) -> None:
        if not self.uid:
            raise InvalidValue("a pod has no uid", field="uid", expected="an identity unique in the cluster")

    @property
    def workload_key(self) -> str:
        """Key of the pod's profile: namespace and workload. Empty when the workload is unknown."""
        return f"{self.namespace}/{self.workload}" if self.workload else ""
