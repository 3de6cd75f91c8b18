"""kube-scheduler as far as resources decide: fit, node sampling, in-tree scores, the extender, and the tie-break.

Emulated version: Kubernetes v1.36, default profile. Of its scores only those that look at resources differ between the nodes of a
replay (no taints, affinities, spread constraints or images here), so the sum is

    total = 1 * LeastAllocated + 1 * BalancedAllocation + extender score * extender weight * 10

with the default weights of ``default_plugins.go``, and the extender's 0..10 stretched to 0..100 (MaxNodeScore over
MaxExtenderPriority). Scores are whole numbers, cut as the Go code cuts them. For CPU and memory, weight 1 each, A = allocatable and
Q = requests with the pod:

    LeastAllocated     s_r = 0 if Q > A, else floor(100 (A - Q) / A);  s = floor((s_cpu + s_memory) / 2)
                       (Q counts 100m and 200 MiB for a pod that asks for none)
    BalancedAllocation f_r = min(1, Q_r / A_r);  S = floor(100 (1 - |f_cpu - f_memory| / 2)), S0 the same without the pod
                       s = 50 + floor((50 + S - S0) / 2);  skipped (0) for a pod that asks for neither
                       (older releases: s = S; ``balanced_allocation.go``, changed by pull request 135573)

Sampling (``numFeasibleNodesToFind``, percentageOfNodesToScore unset), with n nodes: all when n < 100, else
max(100, n * max(5, 50 - n // 125) // 100). Nodes are tried from where the last cycle stopped, in order of the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, UnknownNode
from hydatis_core.pods import Pod
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.cluster import NONZERO_CPU_MILLI, NONZERO_MEMORY_BYTES, Cluster, cpu_milli, memory_bytes
from hydatis_simulator.policy import Policy

__all__ = [
    "EXTENDER_WEIGHT",
    "KUBERNETES_VERSION",
    "Choice",
    "KubeScheduler",
    "balanced_allocation",
    "least_allocated",
    "nodes_to_find_count",
]

KUBERNETES_VERSION = "v1.36"
#: The least weight at which one extender level (10 x weight) outranks any difference that in-tree resource scores can make:
#: LeastAllocated spans 0..100 and BalancedAllocation 50..100, together 150.
EXTENDER_WEIGHT = 16

_MIN_NODES_COUNT = 100
_MIN_PERCENTAGE = 5

Scores = NDArray[np.int64]
Amounts = NDArray[np.int64]
Rows = NDArray[np.intp]


def nodes_to_find_count(nodes_count: int) -> int:
    """How many feasible nodes kube-scheduler looks for before it scores.

    >>> [nodes_to_find_count(n) for n in (60, 100, 1000, 5000, 20000)]
    [60, 100, 420, 500, 1000]
    """
    if nodes_count < _MIN_NODES_COUNT:
        return nodes_count
    percentage = max(_MIN_PERCENTAGE, 50 - nodes_count // 125)
    return max(_MIN_NODES_COUNT, nodes_count * percentage // 100)


def least_allocated(requested: Sequence[Amounts], allocatable: Sequence[Amounts]) -> Scores:
    """LeastAllocated of CPU and memory.

    Args:
        requested: per resource, shape (nodes,), requests with the pod (with the defaults for pods that ask for none).
        allocatable: per resource, shape (nodes,), > 0.

    Returns:
        shape (nodes,), 0..100, higher is better: the emptier by request.
    """
    parts = [np.where(q > a, 0, (a - q) * 100 // a) for q, a in zip(requested, allocatable, strict=True)]
    return np.asarray(sum(parts) // len(parts), dtype=np.int64)


def balanced_allocation(requested: Sequence[Amounts], before: Sequence[Amounts], allocatable: Sequence[Amounts]) -> Scores:
    """BalancedAllocation of CPU and memory.

    Args:
        requested: per resource, shape (nodes,), requests with the pod.
        before: the same without the pod.
        allocatable: per resource, shape (nodes,), > 0.

    Returns:
        shape (nodes,), 50..100, higher is better: 75 where the pod changes nothing.
    """
    change = _evenness(requested, allocatable) - _evenness(before, allocatable)
    return np.asarray(50 + (50 + change) // 2, dtype=np.int64)


def _evenness(requested: Sequence[Amounts], allocatable: Sequence[Amounts]) -> Scores:
    cpu, memory = (np.minimum(1.0, q / a) for q, a in zip(requested, allocatable, strict=True))
    return np.asarray((1 - np.abs(cpu - memory) / 2) * 100).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a scheduling cycle came to."""

    node_row: int | None
    """The chosen node; None: the pod waits."""
    feasible_count: int
    """Nodes the extender was asked about."""
    kept_count: int
    """Nodes left after the extender's filter."""
    abstained: bool
    """The policy abstained."""


class KubeScheduler:
    """Chooses a node for one pod after the other.

    Args:
        cluster: what it places on; ``choose`` only reads it.
        seed: of the tie-breaks.
        extender_weight: as in the extender's configuration, >= 1.

    Raises:
        InvalidValue: the weight is below 1.
    """

    def __init__(self, cluster: Cluster, *, seed: int, extender_weight: int = EXTENDER_WEIGHT) -> None:
        if extender_weight < 1:
            raise InvalidValue(f"{extender_weight} is not a weight", field="extender_weight", expected="a whole number >= 1")
        self._cluster = cluster
        self._random = generator(seed, "kube-scheduler/tie-break")
        self._extender_weight = extender_weight
        self._next_row = 0

    def feasible_rows(self, pod: Pod, gpu_models: Sequence[str] = ()) -> Rows:
        """The sample of nodes that a pod fits on, as kube-scheduler finds it; advances where the next cycle starts."""
        nodes_count = len(self._cluster.nodes)
        order = (np.arange(nodes_count) + self._next_row) % nodes_count
        found = np.flatnonzero(self._cluster.fits(pod, gpu_models)[order])
        wanted = nodes_to_find_count(nodes_count)
        tried_count = int(found[wanted - 1]) + 1 if len(found) >= wanted else nodes_count
        self._next_row = (self._next_row + tried_count) % nodes_count
        return np.asarray(order[found[:wanted]], dtype=np.intp)

    def in_tree_scores(self, pod: Pod, rows: Rows) -> Scores:
        """Weighted sum of the in-tree resource scores, shape (len(rows),), higher is better."""
        cluster = self._cluster
        allocatable = (cluster.cpu_allocatable_milli[rows], cluster.memory_allocatable_bytes[rows])
        cpu, memory = cpu_milli(pod.requests.cpu_cores), memory_bytes(pod.requests.memory_bytes)
        scored = (
            cluster.cpu_scored_milli[rows] + (cpu or NONZERO_CPU_MILLI),
            cluster.memory_scored_bytes[rows] + (memory or NONZERO_MEMORY_BYTES),
        )
        total: Scores = least_allocated(scored, allocatable)
        if cpu or memory:
            before = (cluster.cpu_requested_milli[rows], cluster.memory_requested_bytes[rows])
            total = total + balanced_allocation((before[0] + cpu, before[1] + memory), before, allocatable)
        return total

    def choose(self, pod: Pod, policy: Policy, time_seconds: float, gpu_models: Sequence[str] = ()) -> Choice:
        """One scheduling cycle: filter, sample, ask the policy, score, break ties.

        Raises:
            UnknownNode: the policy kept or scored a node it was not asked about.
        """
        rows = self.feasible_rows(pod, gpu_models)
        if not len(rows):
            return Choice(None, 0, 0, abstained=False)
        ranking = policy.filter_and_score(pod, self._cluster.names[rows].tolist(), time_seconds)
        extender: Scores = np.zeros(len(rows), dtype=np.int64)
        kept = rows
        if ranking is not None:
            kept, extender = self._apply(rows, *ranking)
        if not len(kept):
            return Choice(None, len(rows), 0, abstained=False)
        row = int(kept[0])
        if len(kept) > 1:
            total = self.in_tree_scores(pod, kept) + extender * self._extender_weight * 10
            best = np.flatnonzero(total == total.max())
            row = int(kept[best[0] if len(best) == 1 else best[int(self._random.integers(len(best)))]])
        return Choice(row, len(rows), len(kept), abstained=ranking is None)

    def _apply(self, rows: Rows, kept_names: Sequence[str], scores: Mapping[str, int]) -> tuple[Rows, Scores]:
        asked = set(rows.tolist())
        row_by_name = self._cluster.row_by_name
        for name in (*kept_names, *scores):
            if row_by_name.get(name) not in asked:
                raise UnknownNode(f"the policy answered with node {name!r}, which it was not asked about", field="node_names")
        # kube-scheduler goes on in its own order, whatever the order of the answer.
        kept_rows = {row_by_name[name] for name in kept_names}
        kept = rows[np.fromiter((int(row) in kept_rows for row in rows), dtype=np.bool_, count=len(rows))]
        names = self._cluster.names[kept]
        return kept, np.fromiter((scores.get(name, 0) for name in names), dtype=np.int64, count=len(kept))
