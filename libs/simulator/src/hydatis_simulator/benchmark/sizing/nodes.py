"""How many nodes stock Kubernetes needs once its requests are right-sized: nobody places by use, the requests alone do the work.

Pods arrive with the requests that a method gives them from the week before; kube-scheduler's LeastAllocated places by them, and the
three weeks after are judged as in ``benchmark.placement``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hydatis_sizing.sizes import Method
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.judge import judge
from hydatis_simulator.arena.run import place
from hydatis_simulator.benchmark.placement.bounds import request_nodes
from hydatis_simulator.benchmark.placement.nodes_needed import Answer, nodes_needed
from hydatis_simulator.benchmark.sizing.days import days_of_fleet
from hydatis_simulator.peers.spec import PeerSpec

__all__ = ["nodes_of", "sized"]

#: More nodes than this many times what requests need are not tried.
_MOST_OVER_REQUESTS = 4.0


def sized(fleet: Fleet, method: Method) -> Fleet:
    """The fleet with a method's requests; a pod of which too little is known keeps its own."""
    sizes = method.size(days_of_fleet(fleet)).within(fleet.requests)
    return replace(fleet, requests=np.where(np.isnan(sizes.requests), fleet.requests, sizes.requests))


def nodes_of(
    fleet: Fleet, node: NDArray[np.float64], policy: PeerSpec, allowed: Sequence[float], *, seed: int, requests_bind: bool
) -> dict[float, int | None]:
    """Fewest nodes by allowed violation ratio; None: no number is enough.

    Args:
        fleet: the pods, sized or as they were.
        node: shape (2,), cores and bytes of one node.
        policy: places, with its published knobs.
        allowed: violation ratios.
        seed: of ties.
        requests_bind: whether a node takes no more than its requests allow.
    """
    least = request_nodes(fleet, node) if requests_bind else 1
    most = int(_MOST_OVER_REQUESTS * request_nodes(fleet, node))

    def run(nodes: int) -> Answer:
        allocatable = np.repeat(node[:, None], nodes, axis=1)
        node_of = place(fleet, allocatable, policy.make(), seed=seed, requests_bind=requests_bind)
        judged = judge(fleet, node_of, allocatable)
        return Answer(float("inf") if judged.unplaced_count else judged.violation_ratio, judged.nodes_used_count)

    return nodes_needed(run, allowed, first=max(least, 2), least=least, most=most)
