"""Limits that no policy can pass, so that a figure can be read as "so much above what is possible".

L1 counts volume alone: pods may move at every sample and be cut at will. L3 is what any scheduler that respects requests needs.
L4 turns the fleet's own peaks into a ceiling of mean utilisation. L2, the best placement without moves, is bin packing; what stands
for it is the better of two full-knowledge greedy oracles (``oracle``), an upper bound of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO

__all__ = ["LIMIT_RATIOS", "fluid_nodes", "never_fewer_nodes", "request_nodes", "utilisation_ceiling"]

#: theta: share of allocatable above which a node's use is a violation; CPU, memory.
LIMIT_RATIOS = np.array([CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO])


def fluid_nodes(fleet: Fleet, node: NDArray[np.float64]) -> int:
    """L1, nodes without any violation under free migration: max_r ceil(max_t sum_i u_ir(t) / (theta_r C_r)).

    Args:
        fleet: the pods; the judged time counts.
        node: shape (2,), cores and bytes of one node.
    """
    return int(np.ceil(_wanted(fleet, node).max()))


def never_fewer_nodes(fleet: Fleet, node: NDArray[np.float64], violation_ratio: float) -> int:
    """L1 at a violation: the least N at which the share of moments with sum_i u_ir(t) > N theta_r C_r is at most N times the share.

    In a moment whose load does not fit within the limits at least one of N nodes is above them, and one can be enough (it takes all
    that is too much), so N nodes violate at least (moments) / (N moments in all). True for every placement, and far below what any
    policy reaches: only a check, never a goal.

    Args:
        fleet: the pods; the judged time counts.
        node: shape (2,), cores and bytes of one node.
        violation_ratio: node-time allowed above the limits, 0..1.
    """
    wanted = np.sort(_wanted(fleet, node).max(axis=0))
    for nodes in range(1, int(np.ceil(wanted[-1])) + 1):
        above = wanted.size - np.searchsorted(wanted, nodes, side="right")
        if above <= violation_ratio * nodes * wanted.size:
            return nodes
    return int(np.ceil(wanted[-1]))


def request_nodes(fleet: Fleet, node: NDArray[np.float64]) -> int:
    """L3: max_r ceil(sum req_r / C_r).

    Args:
        fleet: the pods.
        node: shape (2,), cores and bytes of one node.
    """
    return int(np.ceil((fleet.requests.sum(axis=1) / node).max()))


def utilisation_ceiling(fleet: Fleet) -> NDArray[np.float64]:
    """L4: mean utilisation without violation is at most theta / PAR, PAR the peak over the mean of the fleet's sum.

    Returns:
        shape (2,), share of allocatable, CPU and memory.
    """
    total = fleet.judged.sum(axis=1, dtype=np.float64)
    return np.asarray(LIMIT_RATIOS * total.mean(axis=1) / np.maximum(total.max(axis=1), np.finfo(float).tiny))


def _wanted(fleet: Fleet, node: NDArray[np.float64]) -> NDArray[np.float64]:
    """shape (2, judged steps): nodes' worth of load within the limits."""
    total = fleet.judged.sum(axis=1, dtype=np.float64)
    return np.asarray(total / (LIMIT_RATIOS * node)[:, None])
