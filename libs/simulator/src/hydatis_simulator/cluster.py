"""The simulated cluster: what nodes can give, what was asked of them, and who is bound where.

Amounts are whole millicores and bytes, as kube-scheduler counts them, because sums of floats drift as pods come and go and a pod
that fits exactly must go on fitting. All nodes are asked at once: a question is one expression over arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_simulator.gpus import GpuPool

__all__ = ["NONZERO_CPU_MILLI", "NONZERO_MEMORY_BYTES", "BoundPod", "Cluster", "cpu_milli", "memory_bytes"]

Amounts = NDArray[np.int64]

#: What in-tree scores take a pod without a CPU request to ask for (kube-scheduler, ``util/pod_resources.go``).
NONZERO_CPU_MILLI = 100
#: The same for memory: 200 MiB.
NONZERO_MEMORY_BYTES = 200 * 2**20


def cpu_milli(cores: float) -> int:
    """Cores as whole millicores, rounded up as Kubernetes rounds; what a float lost below a billionth of a core is forgiven."""
    return math.ceil(round(cores * 1000, 6))


def memory_bytes(amount: float) -> int:
    """An amount of memory as whole bytes, rounded up."""
    return math.ceil(amount)


def _amounts(values: Iterable[int]) -> Amounts:
    return np.array(list(values), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class BoundPod:
    """A pod on a node."""

    pod: Pod
    node_row: int
    time_seconds: float
    """When it was bound."""
    gpu_positions: tuple[int, ...] = ()
    """Its devices on the node."""


class Cluster:
    """Nodes and the pods bound to them.

    Requests never pass what a node can give: ``bind`` refuses it.

    Args:
        nodes: the cluster, names without repeats.

    Raises:
        InvalidValue: there is no node.
        Duplicate: two nodes share a name.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        if not nodes:
            raise InvalidValue("a cluster has no node", field="nodes", expected="at least one")
        self.nodes = tuple(nodes)
        self.row_by_name = {node.name: row for row, node in enumerate(nodes)}
        if len(self.row_by_name) != len(nodes):
            raise Duplicate("two nodes share a name", field="nodes", expected="names without repeats")
        self.names: NDArray[np.object_] = np.array([node.name for node in nodes], dtype=object)
        self.cpu_allocatable_milli = _amounts(math.floor(node.allocatable.cpu_cores * 1000 + 1e-6) for node in nodes)
        self.memory_allocatable_bytes = _amounts(math.floor(node.allocatable.memory_bytes) for node in nodes)
        self.pod_limits = _amounts(node.pod_limit_count for node in nodes)
        self.cpu_requested_milli = np.zeros(len(nodes), dtype=np.int64)
        self.memory_requested_bytes = np.zeros(len(nodes), dtype=np.int64)
        self.cpu_scored_milli = np.zeros(len(nodes), dtype=np.int64)
        """Requests as LeastAllocated counts them: pods without one count ``NONZERO_CPU_MILLI``."""
        self.memory_scored_bytes = np.zeros(len(nodes), dtype=np.int64)
        self.pod_counts = np.zeros(len(nodes), dtype=np.int64)
        self.gpus = GpuPool(nodes)
        self.bound: dict[str, BoundPod] = {}
        """By uid, in order of binding."""

    def fits(self, pod: Pod, gpu_models: Sequence[str] = ()) -> NDArray[np.bool_]:
        """Which nodes have room for a pod's requests, shape (nodes,): CPU, memory, pods and GPU devices.

        The rule of kube-scheduler's NodeResourcesFit: a request of zero is not checked.
        """
        room = self.pod_counts < self.pod_limits
        cpu, memory = cpu_milli(pod.requests.cpu_cores), memory_bytes(pod.requests.memory_bytes)
        if cpu:
            room &= self.cpu_requested_milli + cpu <= self.cpu_allocatable_milli
        if memory:
            room &= self.memory_requested_bytes + memory <= self.memory_allocatable_bytes
        devices = self.gpus.fits(pod.requests, gpu_models)
        return room if devices is None else room & devices

    def bind(self, pod: Pod, node_row: int, time_seconds: float, gpu_models: Sequence[str] = ()) -> BoundPod:
        """Binds a pod.

        Raises:
            Duplicate: it is bound already.
            InvalidValue: the node has no room for it.
        """
        if pod.uid in self.bound:
            raise Duplicate(f"pod {pod.uid} is bound already", field="pod")
        if not self.fits(pod, gpu_models)[node_row]:
            raise InvalidValue(f"node {self.names[node_row]} has no room for pod {pod.uid}", field="node_row")
        bound = BoundPod(pod, node_row, time_seconds, self.gpus.take(node_row, pod.requests))
        self._count(bound, 1)
        self.bound[pod.uid] = bound
        return bound

    def end(self, uid: str) -> BoundPod | None:
        """Takes a pod off its node; None: it was not bound."""
        bound = self.bound.pop(uid, None)
        if bound is not None:
            self._count(bound, -1)
            if bound.gpu_positions:
                self.gpus.give(bound.node_row, bound.pod.requests, bound.gpu_positions)
        return bound

    def _count(self, bound: BoundPod, sign: int) -> None:
        row = bound.node_row
        cpu, memory = cpu_milli(bound.pod.requests.cpu_cores), memory_bytes(bound.pod.requests.memory_bytes)
        self.cpu_requested_milli[row] += sign * cpu
        self.memory_requested_bytes[row] += sign * memory
        self.cpu_scored_milli[row] += sign * (cpu or NONZERO_CPU_MILLI)
        self.memory_scored_bytes[row] += sign * (memory or NONZERO_MEMORY_BYTES)
        self.pod_counts[row] += sign
