"""What a placement came to in the weeks after it: the figures that every contender is judged by.

Violation is node-time above 90 % CPU or 95 % memory, over the node-time of nodes that hold pods, so that empty nodes flatter
nobody; the worst node is reported beside it, so that none is sacrificed for the mean.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from hydatis_placement.overload import overload_cost
from hydatis_placement.reward import RewardWeights
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import CPU, MEMORY, Fleet
from hydatis_simulator.arena.seen import UNPLACED
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO

__all__ = ["HOT_RATIO", "Judgement", "judge", "judge_use", "node_use"]

_WEIGHTS = RewardWeights()
#: A hot spot: CPU above this for two samples or more in a row.
HOT_RATIO = 0.80


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures of one placement over the judged time. Ratios are of allocatable; node-time counts nodes that hold pods."""

    unplaced_count: int
    nodes_used_count: int
    violation_ratio: float
    """Node-time above a limit of CPU or memory."""
    cpu_violation_ratio: float
    memory_violation_ratio: float
    worst_node_violation_ratio: float
    """The same of the node that has most of it."""
    severity_ratio: float
    """Mean over all node-time of how far use is above the limit, the greater of CPU and memory."""
    throttled_core_seconds: float
    """CPU wanted beyond allocatable."""
    out_of_memory_count: int
    """Times that a node's memory rose above allocatable."""
    hot_node_minutes: float
    """Node-minutes in hot spots."""
    cpu_mean_ratio: float
    memory_mean_ratio: float
    cpu_p99_ratio: float
    cpu_max_ratio: float
    memory_max_ratio: float
    cpu_imbalance_ratio: float
    """Standard deviation of CPU use over nodes, mean over time."""
    outcome_cost: float
    """Mean over the node-time of all nodes, empty ones too, of w_c overload_cost(cpu, 0.90) + w_m overload_cost(memory, 0.95): the
    overload terms of the reward that policies are trained by, with its weights."""

    def to_json(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def node_use(fleet: Fleet, node_of: NDArray[np.int32], nodes_count: int) -> NDArray[np.float32]:
    """Use of every node over the judged time.

    Returns:
        shape (2, nodes, judged steps), cores and bytes.
    """
    use = np.zeros((2, nodes_count, fleet.steps_count - fleet.judged_from_step), dtype=np.float32)
    for resource in (CPU, MEMORY):
        judged, sums = fleet.judged[resource], use[resource]
        for pod in np.flatnonzero(node_of != UNPLACED):  # a row at a time stays in the cache: six times as fast as reduceat
            sums[node_of[pod]] += judged[pod]
    return use


def judge(fleet: Fleet, node_of: NDArray[np.int32], allocatable: NDArray[np.float64]) -> Judgement:
    """Judges a placement.

    Args:
        fleet: the pods.
        node_of: shape (pods,), node of each, UNPLACED for none.
        allocatable: shape (2, nodes), cores and bytes.
    """
    use = node_use(fleet, node_of, allocatable.shape[1])
    held = np.unique(node_of[node_of != UNPLACED])
    return judge_use(use, allocatable, held, unplaced_count=int((node_of == UNPLACED).sum()), step_seconds=fleet.step_seconds)


def judge_use(
    use: NDArray[np.float32],
    allocatable: NDArray[np.float64],
    used: NDArray[np.integer],
    *,
    unplaced_count: int,
    step_seconds: float,
) -> Judgement:
    """Judges what nodes used, however their pods came there.

    Args:
        use: shape (2, nodes, steps), cores and bytes.
        allocatable: shape (2, nodes), cores and bytes.
        used: numbers of the nodes that held pods.
        unplaced_count: pods that found no node.
        step_seconds: of a step.
    """
    if not used.size:
        return Judgement(unplaced_count, 0, *(0.0,) * 6, 0, *(0.0,) * 8)
    use = use[:, used]
    room = allocatable[:, used].astype(np.float32)
    ratio = use / room[:, :, None]
    cpu, memory = ratio[CPU], ratio[MEMORY]
    cpu_over, memory_over = cpu > CPU_LIMIT_RATIO, memory > MEMORY_LIMIT_RATIO
    violated = cpu_over | memory_over
    hot = cpu > HOT_RATIO
    in_a_row = hot[:, 1:] & hot[:, :-1]
    hot_spot = np.pad(in_a_row, ((0, 0), (0, 1))) | np.pad(in_a_row, ((0, 0), (1, 0)))
    broken = memory > 1.0
    overload = _WEIGHTS.cpu_overload * overload_cost(cpu, CPU_LIMIT_RATIO)
    overload += _WEIGHTS.memory_overload * overload_cost(memory, MEMORY_LIMIT_RATIO)
    severity = np.maximum(np.maximum(cpu - CPU_LIMIT_RATIO, memory - MEMORY_LIMIT_RATIO), 0.0)
    return Judgement(
        unplaced_count=unplaced_count,
        nodes_used_count=int(used.size),
        violation_ratio=float(violated.mean()),
        cpu_violation_ratio=float(cpu_over.mean()),
        memory_violation_ratio=float(memory_over.mean()),
        worst_node_violation_ratio=float(violated.mean(axis=1).max()),
        severity_ratio=float(severity.mean()),
        throttled_core_seconds=float((np.maximum(use[CPU] - room[CPU, :, None], 0.0)).sum() * step_seconds),
        out_of_memory_count=int((broken[:, 1:] & ~broken[:, :-1]).sum() + broken[:, 0].sum()),
        hot_node_minutes=float(hot_spot.sum() * step_seconds / 60),
        cpu_mean_ratio=float(cpu.mean()),
        memory_mean_ratio=float(memory.mean()),
        cpu_p99_ratio=float(np.percentile(cpu, 99)),
        cpu_max_ratio=float(cpu.max()),
        memory_max_ratio=float(memory.max()),
        cpu_imbalance_ratio=float(cpu.std(axis=0).mean()),
        outcome_cost=float(overload.sum(dtype=np.float64) / (allocatable.shape[1] * overload.shape[1])),
    )
