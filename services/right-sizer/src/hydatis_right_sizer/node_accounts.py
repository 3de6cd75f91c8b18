"""What is taken on each node, summed as pods come and go: CPU, memory, and what was reclaimed of both.

The right-sizer must know whether a pod that it is asked about would find room, for the cap as for the rest. kube-scheduler sums the
same; this is only to leave a pod alone that would otherwise wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.pod_resources import pod_requests
from hydatis_serving.kube.running_pods import RunningPod
from hydatis_sizing.node_cap import Reclaimed

from hydatis_right_sizer.resize_record import held_by, in_place_excess

__all__ = ["NodeAccounts", "Taken", "taken_by"]

UNBOUND = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Sums of requests."""

    cpu_cores: float = 0.0
    memory_bytes: float = 0.0
    reclaimed: Reclaimed = field(default_factory=Reclaimed)
    """Of the cap's extended resources."""
    in_place: Reclaimed = field(default_factory=Reclaimed)
    """Given up, or about to be, by pods that run, beyond that."""

    def plus(self, other: Taken, sign: int = 1) -> Taken:
        """The sum, or with sign -1 the difference."""
        return Taken(
            self.cpu_cores + sign * other.cpu_cores,
            self.memory_bytes + sign * other.memory_bytes,
            _plus(self.reclaimed, other.reclaimed, sign),
            _plus(self.in_place, other.in_place, sign),
        )


def _plus(one: Reclaimed, other: Reclaimed, sign: int) -> Reclaimed:
    return Reclaimed(one.cpu_milli + sign * other.cpu_milli, one.memory_mib + sign * other.memory_mib)


NOTHING = Taken()


def taken_by(pod: RunningPod) -> Taken:
    """What one pod takes; nothing where it cannot be read."""
    try:
        asked = pod_requests(pod.spec, MappingProxyType({}))
    except HydatisError:
        return NOTHING
    return Taken(asked.cpu_cores, asked.memory_bytes, held_by(pod), in_place_excess(pod))


class NodeAccounts:
    """Sums by node; follows the book of pods by its ``on_change``."""

    def __init__(self) -> None:
        self._taken: dict[str, Taken] = {}

    @property
    def by_node(self) -> Mapping[str, Taken]:
        """Sums by node's name; of pods without a node by the empty name."""
        return self._taken

    def of(self, node: str) -> Taken:
        """Of one node."""
        return self._taken.get(node, NOTHING)

    @property
    def waiting(self) -> Taken:
        """Of pods that are on no node yet."""
        return self.of(UNBOUND)

    def change(self, before: RunningPod | None, after: RunningPod | None) -> None:
        """Takes one pod's change."""
        for pod, sign in ((before, -1), (after, 1)):
            if pod is not None:
                node = pod.spec.node_name or UNBOUND
                self._taken[node] = self.of(node).plus(taken_by(pod), sign)
