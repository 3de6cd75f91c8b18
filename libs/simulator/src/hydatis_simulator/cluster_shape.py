"""Node shapes for traces that come without a cluster.

Most published traces tell what ran and not on what. A cluster is then chosen: machines of one or a few common shapes, as many as
the caller wants or as bring requests to a wanted share of what the cluster can give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import DEFAULT_POD_LIMIT_COUNT, GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources

from hydatis_simulator.trace import Trace

__all__ = ["GENERAL", "SHAPES", "NodeShape", "make_nodes", "peak_requests"]

GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class NodeShape:
    """A kind of machine, by what pods can be given on it."""

    name: str
    cpu_cores: float
    memory_bytes: float
    pod_limit_count: int = DEFAULT_POD_LIMIT_COUNT
    gpu_count: int = 0
    gpu_model: str = ""

    def node(self, name: str) -> Node:
        """A node of this shape."""
        devices = tuple(GpuDevice(index, self.gpu_model) for index in range(self.gpu_count))
        return Node(name, Resources(self.cpu_cores, self.memory_bytes, gpu_count=self.gpu_count), self.pod_limit_count, devices)


#: 4 GiB a core: the ratio of the general-purpose machines of the large clouds.
GENERAL = NodeShape("general-16", 16.0, 64 * GIB)

SHAPES: dict[str, NodeShape] = {
    shape.name: shape
    for shape in (
        NodeShape("general-8", 8.0, 32 * GIB),
        GENERAL,
        NodeShape("general-32", 32.0, 128 * GIB),
        NodeShape("general-64", 64.0, 256 * GIB),
        NodeShape("memory-16", 16.0, 128 * GIB),
        NodeShape("compute-16", 16.0, 32 * GIB),
        NodeShape("alibaba-96", 96.0, 384 * GIB),
    )
}
"""Shapes by name; ``alibaba-96`` has the 96 cores of the machines of cluster-trace-v2018."""


def peak_requests(trace: Trace) -> Resources:
    """The most that pods alive at the same moment ask for, per resource (CPU and memory; the moments may differ)."""
    changes: list[tuple[float, float, float]] = []
    for trace_pod in trace.pods:
        requests = trace_pod.pod.requests
        changes.append((trace_pod.arrival_seconds, requests.cpu_cores, requests.memory_bytes))
        changes.append((trace_pod.end_seconds, -requests.cpu_cores, -requests.memory_bytes))
    cpu = memory = cpu_peak = memory_peak = 0.0
    # At the same moment ends come first: their changes are negative.
    for _, cpu_change, memory_change in sorted(changes):
        cpu, memory = cpu + cpu_change, memory + memory_change
        cpu_peak, memory_peak = max(cpu_peak, cpu), max(memory_peak, memory)
    return Resources(cpu_peak, memory_peak)


def make_nodes(
    trace: Trace,
    *,
    node_count: int | None = None,
    target_request_ratio: float = 0.7,
    shapes: Sequence[NodeShape] | None = None,
) -> tuple[Node, ...]:
    """A cluster for a trace.

    Args:
        trace: what is to run on it.
        node_count: how many nodes; None: as few as bring the peak of requests to the target or below.
        target_request_ratio: wanted share of allocatable that is requested at the peak, of the scarcer resource; > 0.
        shapes: kinds of machines, taken in turn; None: the smallest general one from 16 cores on that holds the largest pod.

    Returns:
        Nodes named ``node-0000`` on.

    Raises:
        InvalidValue: no shape, a count < 1, a ratio out of range, or a pod that fits on none of the shapes.
    """
    if shapes is None:
        shapes = (_smallest_that_holds(trace),)
    if not shapes:
        raise InvalidValue("no node shape", field="shapes", expected="at least one")
    if node_count is not None and node_count < 1:
        raise InvalidValue(f"{node_count} is not a number of nodes", field="node_count", expected="1 or more")
    if not 0 < target_request_ratio < math.inf:
        raise InvalidValue(f"{target_request_ratio!r} is not a share", field="target_request_ratio", expected="above 0")
    for pod in _largest(trace):
        if not any(_holds(shape, pod) for shape in shapes):
            asked = f"{pod.requests.cpu_cores:g} cores and {pod.requests.memory_bytes / GIB:.1f} GiB"
            raise InvalidValue(f"pod {pod.uid} asks for {asked}, more than any node shape has", field="shapes")
    count = _count_for(trace, target_request_ratio, shapes) if node_count is None else node_count
    return tuple(shapes[i % len(shapes)].node(f"node-{i:04d}") for i in range(count))


def _largest(trace: Trace) -> tuple[Pod, Pod]:
    """The pod that asks for most CPU and the one that asks for most memory."""
    requests = [trace_pod.pod for trace_pod in trace.pods]
    return max(requests, key=lambda pod: pod.requests.cpu_cores), max(requests, key=lambda pod: pod.requests.memory_bytes)


def _holds(shape: NodeShape, pod: Pod) -> bool:
    return pod.requests.cpu_cores <= shape.cpu_cores and pod.requests.memory_bytes <= shape.memory_bytes


def _smallest_that_holds(trace: Trace) -> NodeShape:
    sizes = (GENERAL, SHAPES["general-32"], SHAPES["general-64"])
    return next((shape for shape in sizes if all(_holds(shape, pod) for pod in _largest(trace))), sizes[-1])


def _count_for(trace: Trace, target: float, shapes: Sequence[NodeShape]) -> int:
    peak = peak_requests(trace)
    cpu = sum(shape.cpu_cores for shape in shapes) / len(shapes)
    memory = sum(shape.memory_bytes for shape in shapes) / len(shapes)
    return max(1, math.ceil(peak.cpu_cores / (cpu * target)), math.ceil(peak.memory_bytes / (memory * target)))
