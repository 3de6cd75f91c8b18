"""One cell: a lever on a sample, the fewest nodes by violation allowed; and the tuning of peers inside the history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hydatis_simulator.arena.fleet import CPU, MEMORY, Fleet
from hydatis_simulator.arena.judge import Judgement, judge
from hydatis_simulator.arena.run import place
from hydatis_simulator.benchmark.placement.bounds import fluid_nodes, request_nodes
from hydatis_simulator.benchmark.placement.nodes_needed import Answer, nodes_needed
from hydatis_simulator.benchmark.placement.tasks import ALLOWED
from hydatis_simulator.benchmark.sizing.days import days_of_fleet
from hydatis_sizing.rivals.vertical_pod_autoscaler import VerticalPodAutoscaler
from numpy.typing import NDArray

from hydatis_assessment.analysis.levers import AUTOSCALER, HYDATIS, OWNERS, POLICIES, Lever
from hydatis_assessment.analysis.samples import Sample

__all__ = ["Settings", "bounds", "needed", "sizing_harm", "tuned"]

#: Knobs by name.
Settings = dict[str, float]
Figures = dict[str, Any]
Amounts = NDArray[np.float64]
#: More nodes than so many times what requests or use need are not tried.
_MOST_RATIO = 6.0


def needed(sample: Sample, lever: Lever, settings: dict[str, Settings], *, seed: int) -> Figures:
    """Nodes of the sample by allowed violation, as text: ``nodes`` (None: no number is enough), ``violation_ratio`` and
    ``worst_node_violation_ratio`` reached there.

    Args:
        sample: pods.
        lever: who sizes and places.
        settings: by allowed violation, as text; what is left out is as published.
        seed: of ties.
    """
    fleet = _asking(sample, lever.requests)
    found: Figures = {}
    for knobs in {tuple(sorted(settings.get(str(ratio), {}).items())) for ratio in ALLOWED}:
        ratios = [ratio for ratio in ALLOWED if tuple(sorted(settings.get(str(ratio), {}).items())) == knobs]
        nodes, judged = _search(sample, fleet, lever, dict(knobs), ratios, seed)
        for ratio in ratios:
            count = nodes[ratio]
            one = judged[count] if count is not None else None
            found[str(ratio)] = {
                "nodes": count,
                "violation_ratio": one.violation_ratio if one else None,
                "worst_node_violation_ratio": one.worst_node_violation_ratio if one else None,
            }
    return {str(ratio): found[str(ratio)] for ratio in ALLOWED}


def bounds(sample: Sample) -> Figures:
    """``fluid_nodes``, L1, with pods that a node takes at most counted in, and ``request_nodes``, L3 of owners' requests."""
    return {
        "fluid_nodes": max(fluid_nodes(sample.fleet, sample.node), sample.least_nodes),
        "request_nodes": max(request_nodes(sample.fleet, sample.node), sample.least_nodes),
    }


def tuned(sample: Sample, lever: Lever, *, seed: int) -> dict[str, Settings]:
    """The setting that needs fewest nodes on a sample of the history, by allowed violation as text; the published one if none can.

    Args:
        sample: whose judged time lies inside the history.
        lever: a peer with knobs.
        seed: of ties.
    """
    best: dict[str, tuple[float, Settings]] = {str(ratio): (math.inf, {}) for ratio in ALLOWED}
    for knobs in POLICIES[lever.policy].settings():
        nodes, _ = _search(sample, sample.fleet, lever, knobs, ALLOWED, seed)
        for ratio, count in nodes.items():
            if count is not None and count < best[str(ratio)][0]:
                best[str(ratio)] = (count, knobs)
    return {ratio: knobs for ratio, (_, knobs) in best.items()}


def sizing_harm(sample: Sample) -> Figures:
    """What sizes would have meant, made once and never again in the judged time.

    Returns:
        By who sizes: ``cpu_above_ratio`` and ``memory_above_ratio``, pod-time with use above a request that was made smaller;
        ``pods_above_limit_ratio``, pods that passed their memory limit (they would have been killed and made larger);
        ``cpu_asked_ratio`` and ``memory_asked_ratio``, what is asked for over what owners ask for.
    """
    return {name: _harm(sample.fleet, *_sized(sample, name)) for name in (HYDATIS, AUTOSCALER)}


def _harm(fleet: Fleet, sized: Amounts, limits: Amounts) -> Figures:
    figures: Figures = {}
    for resource, name in ((CPU, "cpu"), (MEMORY, "memory")):
        above = fleet.judged[resource] > sized[resource, :, None]
        smaller = sized[resource] < fleet.requests[resource]
        figures[f"{name}_above_ratio"] = float((above & smaller[:, None]).mean())
        figures[f"{name}_asked_ratio"] = float(sized[resource].sum() / fleet.requests[resource].sum())
    figures["pods_above_limit_ratio"] = float((fleet.judged[MEMORY].max(axis=1) > limits).mean())
    return figures


def _sized(sample: Sample, name: str) -> tuple[Amounts, Amounts]:
    """Requests, shape (2, pods), and memory limits, shape (pods,), infinite where the owner's stays."""
    if name == HYDATIS:
        return sample.sized, sample.sized_memory_limits
    fleet = sample.fleet

    def compute() -> tuple[Amounts, Amounts]:
        sizes = VerticalPodAutoscaler().size(days_of_fleet(fleet)).within(fleet.requests)
        known = sample.sizable & ~np.isnan(sizes.requests)
        return np.where(known, sizes.requests, fleet.requests), np.where(known[MEMORY], sizes.memory_limits, np.inf)

    return fleet.remembered(("sized by", name), compute)


def _asking(sample: Sample, name: str) -> Fleet:
    """The fleet with the requests of whoever sizes."""
    fleet = sample.fleet
    if name == OWNERS:
        return fleet
    return fleet.remembered(("fleet by", name), lambda: replace(fleet, requests=_sized(sample, name)[0]))


def _search(
    sample: Sample, fleet: Fleet, lever: Lever, knobs: Settings, allowed: Sequence[float], seed: int
) -> tuple[dict[float, int | None], dict[int, Judgement]]:
    fluid, requests = fluid_nodes(fleet, sample.node), request_nodes(fleet, sample.node)
    least = max(requests if lever.requests_bind else 1, sample.least_nodes)
    judged: dict[int, Judgement] = {}

    def run(nodes: int) -> Answer:
        allocatable = np.repeat(sample.node[:, None], nodes, axis=1)
        policy = POLICIES[lever.policy].make(**knobs)
        node_of = place(fleet, allocatable, policy, seed=seed, requests_bind=lever.requests_bind)
        judged[nodes] = judge(fleet, node_of, allocatable)
        found = judged[nodes]
        return Answer(math.inf if found.unplaced_count else found.violation_ratio, found.nodes_used_count)

    most = max(math.ceil(_MOST_RATIO * fluid), math.ceil(1.5 * requests), least + 1)
    first = max(least, fluid, 1)
    return nodes_needed(run, allowed, first=first, least=least, most=most), judged
