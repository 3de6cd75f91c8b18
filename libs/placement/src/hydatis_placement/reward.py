"""The reward of one placement in training: minus what it cost, counted on what really happened.

A placement is charged for the overload that the pod *added* to its node over the following interval, and not for load that was
there before: so the charges of all placements add up to the cost of the cluster, and no node is shunned for another pod's load.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

from hydatis_placement.objective import objective_cost
from hydatis_placement.overload import CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO, overload_cost

__all__ = ["Reward", "RewardWeights", "reward"]

Series = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RewardWeights:
    """What the parts weigh against each other.

    Raises:
        InvalidValue: a weight is negative or not finite.
    """

    cpu_overload: float = 1.0
    """Of CPU overload: pods are slowed down."""
    memory_overload: float = 2.0
    """Of memory overload: pods are killed, which is worse than slow."""
    fragmentation: float = 0.2
    """Of the share of the node that becomes useless to pods to come."""
    objective: float = 1.0
    """Of the objective."""

    def __post_init__(self) -> None:
        for name in ("cpu_overload", "memory_overload", "fragmentation", "objective"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InvalidValue(f"{value!r} is no weight", field=name, expected="a finite number >= 0")


@dataclass(frozen=True, slots=True)
class Reward:
    """The reward and its parts. Each part is a cost before its weight; the total is minus their weighted sum: high = better."""

    total: float
    """-(w_c cpu + w_m memory + w_f fragmentation + w_o objective), without unit; 0 is a placement that cost nothing."""
    cpu_overload: float
    """Mean over the interval of the CPU overload cost that the pod added, >= 0."""
    memory_overload: float
    """The same for memory, >= 0."""
    fragmentation: float
    """Change of the stranded share of the node, -1..1."""
    objective: float
    """``objective_cost`` with the mean change of the squared loads over the interval."""


def reward(
    *,
    cpu_without: Series,
    cpu_with: Series,
    memory_without: Series,
    memory_with: Series,
    stranded_change: float,
    opened: bool,
    objective_weight: float,
    weights: RewardWeights,
) -> Reward:
    """Reward of one placement.

    total = -( w_c mean[c(cpu_with) - c(cpu_without)] + w_m mean[c(mem_with) - c(mem_without)] + w_f stranded_change
    + w_o objective_cost(mean[d(cpu^2) + d(mem^2)], opened, objective_weight) ) with c = ``overload_cost`` at 0.90 of CPU and 0.95
    of memory. Means run over the steps of the interval in which the load is known; a resource that is never known costs nothing.

    Args:
        cpu_without, cpu_with, memory_without, memory_with: shape (steps,), load of the chosen node over the following interval,
            without and with the pod, share of allocatable, of the pods that are on it after the placement; NaN unknown.
        stranded_change: stranded share of the node, after less before.
        opened: whether the pod is the node's first.
        objective_weight: 0 (spread) to 1 (pack).
        weights: of the parts.

    Returns:
        Finite; high = better.
    """
    cpu, cpu_squares = _added(cpu_without, cpu_with, CPU_THRESHOLD_RATIO)
    memory, memory_squares = _added(memory_without, memory_with, MEMORY_THRESHOLD_RATIO)
    wanted = objective_cost(cpu_squares + memory_squares, float(opened), objective_weight)
    cost = (
        weights.cpu_overload * cpu
        + weights.memory_overload * memory
        + weights.fragmentation * stranded_change
        + weights.objective * wanted
    )
    return Reward(-cost, cpu, memory, stranded_change, wanted)


def _added(without: Series, with_pod: Series, threshold_ratio: float) -> tuple[float, float]:
    """What the pod added: mean overload cost and mean squared load."""
    known = ~(np.isnan(without) | np.isnan(with_pod))
    if not known.any():
        return 0.0, 0.0
    before, after = without[known], with_pod[known]
    cost = overload_cost(after, threshold_ratio) - overload_cost(before, threshold_ratio)
    return float(cost.mean()), float((after * after - before * before).mean())
