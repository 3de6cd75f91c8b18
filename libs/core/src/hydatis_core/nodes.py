"""A node: something pods can be placed on."""

from __future__ import annotations

from dataclasses import dataclass

from hydatis_core.errors import InvalidValue
from hydatis_core.resources import Resources

__all__ = ["DEFAULT_POD_LIMIT_COUNT", "GpuDevice", "Node"]

#: Kubelet's own default of ``--max-pods``.
DEFAULT_POD_LIMIT_COUNT = 110


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One GPU device of a node."""

    device_index: int
    """Index on its node, 0-based."""
    model: str = ""
    """Model as the node's label says it; empty: unknown."""
    free_milli: int = 1000
    """Share not requested by any bound pod, 0..1000 thousandths."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node and what it can give.

    Raises:
        InvalidValue: the name is empty, or the node has no CPU or no memory to give.
    """

    name: str
    """Unique in the cluster."""
    allocatable: Resources
    """What pods can be given: capacity less what the system keeps."""
    pod_limit_count: int = DEFAULT_POD_LIMIT_COUNT
    """How many pods it takes at most."""
    gpu_devices: tuple[GpuDevice, ...] = ()
    """GPU devices in index order."""

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("a node has no name", field="name", expected="a name unique in the cluster")
        if self.allocatable.cpu_cores <= 0 or self.allocatable.memory_bytes <= 0:
            raise InvalidValue(f"node {self.name} has no CPU or no memory to give", field="allocatable", expected="amounts > 0")
