"""A trace taken for a cluster: each pod is a replica of one container, on nodes that are told or made up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_simulator.cluster_shape import make_nodes
from hydatis_simulator.trace import Trace, TracePod
from hydatis_sizing.recommendation import Amounts, ContainerName
from numpy.typing import NDArray

from hydatis_assessment.cluster_use import DAY_SECONDS, ClusterUse, ContainerRow

__all__ = ["CONTAINER", "use_of_trace"]

#: What the one container of a trace's pod is called.
CONTAINER = "main"
#: Share of a made-up cluster that is requested at the peak: what capacity planners aim at.
_REQUEST_RATIO = 0.85


def use_of_trace(trace: Trace, nodes: Sequence[Node] = ()) -> ClusterUse:
    """A cluster that did what the trace says.

    Workloads without a kind are taken for Deployments. Memory is the trace's mean over the step, for want of its maximum. Pods
    stand on nodes by best fit of their requests, largest first, as they ran at the end.

    Args:
        trace: of at least a day; what follows its last whole day is left out.
        nodes: the cluster; empty: the trace's own, or made up.

    Raises:
        InvalidValue: less than a day, or a step that is no part of one.
    """
    steps_a_day = DAY_SECONDS / trace.step_seconds
    if steps_a_day != round(steps_a_day) or trace.steps_count < steps_a_day:
        shown = f"{trace.steps_count} steps of {trace.step_seconds:g} s"
        raise InvalidValue(f"trace {trace.name} has {shown}", field="trace", expected="whole days of steps that divide one")
    days = int(trace.steps_count // steps_a_day)
    steps = days * round(steps_a_day)
    end_seconds = trace.start_seconds + days * DAY_SECONDS
    chosen = tuple(nodes) or trace.nodes or make_nodes(trace, target_request_ratio=_REQUEST_RATIO)
    order = sorted(range(len(trace.pods)), key=lambda row: _name(trace.pods[row]))
    rows = tuple(_row(trace.pods[row], end_seconds) for row in order)
    use = np.stack([trace.cpu_used_cores[order, :steps], trace.memory_used_bytes[order, :steps]])
    times = trace.start_seconds + trace.step_seconds * np.arange(steps)
    for number, row in enumerate(order):
        one = trace.pods[row]
        use[:, number, (times + trace.step_seconds <= one.arrival_seconds) | (times >= one.end_seconds)] = np.nan
    placed = np.array(_best_fit([trace.pods[row] for row in order], chosen, end_seconds), dtype=np.int32)
    unknown = np.full((len(rows), days), np.nan)
    return ClusterUse(
        source=f"trace {trace.name}",
        start_seconds=trace.start_seconds,
        step_seconds=trace.step_seconds,
        nodes=chosen,
        rows=rows,
        use=use,
        node_by_day=np.repeat(placed[:, None], days, axis=1),
        throttled_ratio=unknown.astype(np.float32),
        kills_count=unknown.astype(np.float32),
        killed_at_bytes=unknown,
        notes=(*(rule.text for rule in trace.report.rules if rule.count), *trace.report.assumptions),
        nodes_told=bool(nodes or trace.nodes),
    )


def _name(one: TracePod) -> ContainerName:
    workload = one.pod.workload or one.pod.name or one.pod.uid
    return ContainerName(one.pod.namespace, workload if "/" in workload else f"Deployment/{workload}", CONTAINER)


def _row(one: TracePod, end_seconds: float) -> ContainerRow:
    return ContainerRow(
        name=_name(one),
        pod=one.pod.name or one.pod.uid,
        running=one.arrival_seconds < end_seconds <= one.end_seconds,
        requests=_amounts(one.pod.requests),
        limits=_amounts(one.pod.limits),
    )


def _amounts(asked: Resources) -> Amounts:
    return Amounts(asked.cpu_cores or math.nan, asked.memory_bytes or math.nan)


def _best_fit(pods: Sequence[TracePod], nodes: Sequence[Node], end_seconds: float) -> list[int]:
    """Node of each pod that runs at the end, by its requests; -1: it does not run, or fits nowhere."""
    room = np.array([[node.allocatable.cpu_cores, node.allocatable.memory_bytes] for node in nodes])
    whole = room.copy()
    asked: list[NDArray[np.float64]] = [
        np.array([one.pod.requests.cpu_cores, one.pod.requests.memory_bytes], dtype=np.float64) for one in pods
    ]
    placed = [-1] * len(pods)
    by_size = sorted(range(len(pods)), key=lambda row: -float((asked[row] / whole[0]).max()))
    for row in by_size:
        if not pods[row].arrival_seconds < end_seconds <= pods[row].end_seconds:
            continue
        fits = (room >= asked[row] - 1e-9).all(axis=1)
        if fits.any():
            left = np.where(fits, ((room - asked[row]) / whole).sum(axis=1), np.inf)
            placed[row] = int(left.argmin())
            room[placed[row]] -= asked[row]
    return placed
