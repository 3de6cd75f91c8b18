"""A sample of the cluster's pods as a fleet for the arena, small enough that many policies can be asked many times.

Pods are drawn one from each stretch of equal length of all pods in order of size, so that every sample has its share of great ones.
A cluster smaller than a sample is enlarged by copies whose days are shifted, history within history and judged time within judged
time: a copy's past holds nothing of any judged day. Pods that ask for more than half a node come first, then those of a quarter,
and so on: an autoscaler would open a node for them, and a policy that spreads would otherwise leave none free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.seeds import generator
from hydatis_simulator.arena.day_shift import held
from hydatis_simulator.arena.fleet import Fleet
from numpy.typing import NDArray

from hydatis_assessment.analysis.judged_days import JudgedDays
from hydatis_assessment.analysis.pods import Pods
from hydatis_assessment.analysis.series import summed
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["Sample", "sample"]

#: Pods that ask for less than this share of a node come in any order.
_SMALL_RATIO = 1 / 32


@dataclass(frozen=True)
class Sample:
    """Pods of a cluster, and how much of it they are."""

    fleet: Fleet
    sizable: NDArray[np.bool_]
    """shape (2, pods)."""
    sized: NDArray[np.float64]
    """shape (2, pods): requests by HYDATIS."""
    sized_memory_limits: NDArray[np.float64]
    """shape (pods,)."""
    node: NDArray[np.float64]
    """shape (2,): room of a node for them, cores and bytes."""
    least_nodes: int
    """Kubelet takes so many pods a node at most: fewer nodes are never enough."""
    scale: float
    """Nodes of the cluster = nodes of the sample x this."""


def sample(
    use: ClusterUse, pods: Pods, days: JudgedDays, node: NDArray[np.float64], pods_a_node: int, *, pods_count: int, seed: int
) -> Sample:
    """Draws a sample.

    Args:
        use: the capture.
        pods: its pods, at least one.
        days: how it is cut.
        node: shape (2,): room of a node, cores and bytes, > 0.
        pods_a_node: pods that a node takes at most.
        pods_count: pods of a sample; fewer where even copies are fewer.
        seed: of what is drawn and of the order of arrival.
    """
    random = generator(seed, "assessment/sample")
    share = (pods.requests / node[:, None]).max(axis=0)
    drawn, shifts = _drawn(np.argsort(share, kind="stable"), pods_count, min(days.history_days, days.judged_days), random)
    order = random.permutation(drawn.size)
    halvings = np.ceil(-np.log2(np.clip(share[drawn[order]], _SMALL_RATIO, 1.0)))
    order = order[np.argsort(halvings, kind="stable")]
    drawn, shifts = drawn[order], shifts[order]
    steps = use.steps_a_day
    history, judged_from = days.history_days * steps, (days.history_days + days.arrival_days) * steps
    window = slice(days.first_day * steps, days.end_day * steps)
    usage = np.empty((2, drawn.size, window.stop - window.start), dtype=np.float32)
    for at, (pod, shift) in enumerate(zip(drawn, shifts, strict=True)):
        series = summed(np.asarray(use.use[:, pods.rows[pod], window]))
        usage[:, at, :history] = np.roll(series[:, :history], shift * steps, axis=1)
        for resource, coming in enumerate(series[:, history:]):
            whole = held(coming)
            usage[resource, at, history:judged_from] = whole[: judged_from - history]
            usage[resource, at, judged_from:] = np.roll(whole[judged_from - history :], shift * steps)
    # A pod that asks for more than a node has would wait for ever: it asks for a whole node.
    requests = np.minimum(pods.requests[:, drawn], node[:, None])
    arrivals = np.sort(random.uniform(0.0, days.arrival_days * DAY_SECONDS, drawn.size)) + days.history_days * DAY_SECONDS
    fleet = Fleet(
        name="sample",
        step_seconds=use.step_seconds,
        history_steps=history,
        judged_from_step=judged_from,
        usage=usage,
        requests=requests,
        limits=np.maximum(np.minimum(pods.limits[:, drawn], node[:, None]), requests),
        arrival_seconds=arrivals,
        workloads=drawn.astype(np.int32),
    )
    return Sample(
        fleet=fleet,
        sizable=pods.sizable[:, drawn],
        sized=np.minimum(pods.sized[:, drawn], requests),
        sized_memory_limits=pods.sized_memory_limits[drawn],
        node=node,
        least_nodes=-(-drawn.size // pods_a_node),
        scale=len(pods.rows) / drawn.size,
    )


def _drawn(
    by_size: NDArray[np.intp], pods_count: int, most_copies: int, random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pods, and by how many days each is shifted."""
    every = by_size.size
    if every >= pods_count:
        stretch = (np.arange(pods_count) + random.uniform(0.0, 1.0, pods_count)) / pods_count * every
        return by_size[np.minimum(stretch.astype(np.intp), every - 1)], np.zeros(pods_count, dtype=np.intp)
    copies = min(-(-pods_count // every), most_copies)
    # whole copies alone: each pod counts as often as every other
    first = random.integers(0, most_copies, every)
    shifts = (np.tile(first, copies) + np.repeat(np.arange(copies), every)) % most_copies
    return np.tile(by_size, copies), shifts.astype(np.intp)
