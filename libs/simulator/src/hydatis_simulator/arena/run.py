"""One run in the arena: a contender places a fleet on nodes, in order of arrival.

Each pod goes to the node with the best score among those it fits on; equal scores are drawn from. A pod that fits nowhere, or that
the contender's own filter rejects everywhere, waits and is tried again, in order, after 1, 2, 4 .. new samples until arrivals
end, as kube-scheduler backs off.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hydatis_core.errors import WrongShape
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.arena.contender import REJECTED, Contender
from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.seen import NONZERO_REQUESTS, Seen

__all__ = ["MetricFault", "place", "true_use"]

#: Changes what was scraped: takes the view (its ``step`` is the next to be measured) and the true use, shape (2, nodes); returns
#: what is scraped in its place, NaN where nothing is.
MetricFault = Callable[[Seen, NDArray[np.float64]], NDArray[np.float64]]


def place(
    fleet: Fleet,
    allocatable: NDArray[np.float64],
    contender: Contender,
    *,
    seed: int,
    requests_bind: bool = True,
    fault: MetricFault | None = None,
    seen: Seen | None = None,
) -> NDArray[np.int32]:
    """Places a fleet.

    Args:
        fleet: the pods.
        allocatable: shape (2, nodes), cores and bytes, > 0.
        contender: a fresh one.
        seed: of the draws between equal scores.
        requests_bind: a node only takes pods whose requests it can hold, as every Kubernetes scheduler demands; False: requests do
            not bound the packing, use alone does.
        fault: what happens to metrics; None: nothing.
        seen: a view with other delays than the usual; None: the usual one.

    Returns:
        shape (pods,), the node of each pod, UNPLACED for one that found none.

    Raises:
        WrongShape: allocatable is not 2 x nodes, or a contender's scores are not one a node.
    """
    if allocatable.ndim != 2 or allocatable.shape[0] != 2 or not allocatable.shape[1]:
        raise WrongShape(f"allocatable of shape {allocatable.shape}", field="allocatable", expected="(2, nodes)")
    seen = seen or Seen(fleet, allocatable)
    draws = generator(seed, f"arena/ties/{fleet.name}").uniform(0.0, 1.0, fleet.pods_count)
    contender.start(seen)
    waiting: dict[int, tuple[int, int]] = {}
    for pod in range(fleet.pods_count):
        if _advance(seen, float(fleet.arrival_seconds[pod]), contender, fault):
            _try_again(seen, waiting, contender, draws, requests_bind)
        if not _bind(seen, pod, contender, float(draws[pod]), requests_bind):
            waiting[pod] = (seen.step + 1, 1)
    while waiting and seen.step < fleet.judged_from_step:
        _advance(seen, (seen.step + 1) * fleet.step_seconds + seen.scrape_delay_seconds, contender, fault)
        _try_again(seen, waiting, contender, draws, requests_bind)
    return seen.node_of


def true_use(seen: Seen, step: int) -> NDArray[np.float64]:
    """Use of every node in a step of arrivals by the pods bound before it began: shape (2, nodes), cores and bytes."""
    pods = np.flatnonzero(seen.bound_seconds <= step * seen.fleet.step_seconds)
    nodes, use = seen.node_of[pods], seen.fleet.arrival_use[step - seen.fleet.history_steps]
    sums = [np.bincount(nodes, weights=row[pods], minlength=seen.nodes_count) for row in use]
    return np.array(sums, dtype=np.float64)


def _advance(seen: Seen, now_seconds: float, contender: Contender, fault: MetricFault | None) -> bool:
    """Moves time on, sample by sample; says whether a new one became visible."""
    step_seconds = seen.fleet.step_seconds
    arrived = False
    while (seen.step + 1) * step_seconds + seen.scrape_delay_seconds <= now_seconds:
        use = true_use(seen, seen.step)
        seen.scraped(use if fault is None else fault(seen, use))
        contender.tick(seen)
        arrived = True
    seen.now_seconds = now_seconds
    return arrived


def _try_again(
    seen: Seen, waiting: dict[int, tuple[int, int]], contender: Contender, draws: NDArray[np.float64], requests_bind: bool
) -> None:
    """Tries the pods whose time has come; ``waiting``: step of the next try and samples waited for it, by pod."""
    for pod, (step, waited) in list(waiting.items()):
        if seen.step >= step:
            if _bind(seen, pod, contender, float(draws[pod]), requests_bind):
                del waiting[pod]
            else:
                waiting[pod] = (seen.step + 2 * waited, 2 * waited)


def _bind(seen: Seen, pod: int, contender: Contender, draw: float, requests_bind: bool) -> bool:
    scores = contender.scores(seen, pod)
    if scores.shape != (seen.nodes_count,):
        raise WrongShape(f"scores of shape {scores.shape} by {contender.name}", field="scores", expected=f"({seen.nodes_count},)")
    requests = seen.fleet.requests[:, pod]
    if requests_bind:
        after_cpu, after_memory = seen.requested[0] + requests[0], seen.requested[1] + requests[1]
        scores = np.where((after_cpu <= seen.allocatable[0]) & (after_memory <= seen.allocatable[1]), scores, REJECTED)
    best = scores.max()
    if not best > REJECTED:
        return False
    ties = np.flatnonzero(scores == best)
    node = int(ties[int(draw * ties.size)])
    seen.node_of[pod] = node
    seen.bound_seconds[pod] = seen.now_seconds
    seen.pods_count[node] += 1
    for resource in (0, 1):
        seen.requested[resource, node] += requests[resource]
        seen.requested_nonzero[resource, node] += max(requests[resource], NONZERO_REQUESTS[resource])
        seen.limited[resource, node] += seen.fleet.limits[resource, pod]
    contender.placed(seen, pod, node)
    return True
