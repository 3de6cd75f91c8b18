"""What happens when pods want more than their node has.

CPU can be squeezed: every pod on an overcommitted node gets the same share of what it wants, and the rest is lost. Memory cannot: a
pod is killed, the one furthest above its request first, until the rest fits. (The kernel's killer ranks by use over request in much
the same way; kubelet restarts the victim on the same node.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NodeLoad", "settle"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """What the pods of all nodes wanted at a moment and what they got."""

    cpu_demand_cores: Values
    """shape (nodes,): CPU wanted."""
    cpu_used_cores: Values
    """shape (nodes,): CPU given, at most allocatable."""
    memory_demand_bytes: Values
    """shape (nodes,): memory wanted, before a kill."""
    memory_used_bytes: Values
    """shape (nodes,): memory held, after the kills; at most allocatable."""
    pod_cpu_used_cores: Values
    """shape (pods,): CPU given to each pod."""
    pod_memory_used_bytes: Values
    """shape (pods,): memory of each pod; 0 for the killed."""
    killed: NDArray[np.intp]
    """Positions of the killed pods, in order of node, then of killing."""

    @property
    def throttled_cores(self) -> float:
        """CPU wanted and not given, over all nodes."""
        return float((self.cpu_demand_cores - self.cpu_used_cores).sum())


def settle(
    *,
    node_rows: NDArray[np.intp],
    cpu_cores: Values,
    memory_bytes: Values,
    memory_requested_bytes: Values,
    cpu_allocatable_cores: Values,
    memory_allocatable_bytes: Values,
) -> NodeLoad:
    """Shares out CPU and memory among pods.

    Args:
        node_rows: shape (pods,), node of each pod.
        cpu_cores: shape (pods,), CPU each wants, finite and >= 0.
        memory_bytes: shape (pods,), memory each wants, finite and >= 0.
        memory_requested_bytes: shape (pods,), memory each asked for; the killer ranks by use less request.
        cpu_allocatable_cores: shape (nodes,), > 0.
        memory_allocatable_bytes: shape (nodes,), > 0.
    """
    nodes_count = len(cpu_allocatable_cores)
    cpu_demand = _sums(node_rows, cpu_cores, nodes_count)
    cpu_used = np.minimum(cpu_demand, cpu_allocatable_cores)
    given_share = np.divide(cpu_used, cpu_demand, out=np.ones(nodes_count), where=cpu_demand > 0)
    memory_demand = _sums(node_rows, memory_bytes, nodes_count)
    killed: list[int] = []
    for row in np.flatnonzero(memory_demand > memory_allocatable_bytes):
        here = np.flatnonzero(node_rows == row)
        over_request = memory_bytes[here] - memory_requested_bytes[here]
        worst_first = here[np.argsort(-over_request, kind="stable")]
        left = memory_demand[row] - np.cumsum(memory_bytes[worst_first])
        killed.extend(int(position) for position in worst_first[: int(np.argmax(left <= memory_allocatable_bytes[row])) + 1])
    pod_memory = memory_bytes.copy()
    pod_memory[killed] = 0.0
    pod_cpu = cpu_cores * given_share[node_rows]
    memory_used = _sums(node_rows, pod_memory, nodes_count)
    return NodeLoad(
        cpu_demand_cores=cpu_demand,
        cpu_used_cores=cpu_used,
        memory_demand_bytes=memory_demand,
        memory_used_bytes=np.minimum(memory_used, memory_allocatable_bytes),
        pod_cpu_used_cores=pod_cpu,
        pod_memory_used_bytes=pod_memory,
        killed=np.array(killed, dtype=np.intp),
    )


def _sums(node_rows: NDArray[np.intp], amounts: Values, nodes_count: int) -> Values:
    return np.bincount(node_rows, weights=amounts, minlength=nodes_count).astype(np.float64)
