"""The reward of one placement in training: minus what its node came to, counted on what really happened.

A placement is charged with the overload of its node over the following interval, whoever causes it: a hot node is to be left alone.
Charging only what the pod itself adds would make an overloaded node cheap for small pods, and they would pile up there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

from hydatis_placement.objective import joint_load, objective_cost
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
    """Mean over the interval of the CPU overload cost of the node, >= 0."""
    memory_overload: float
    """The same for memory, >= 0."""
    fragmentation: float
    """Change of the stranded share of the node, -1..1."""
    objective: float
    """``objective_cost`` with the node's mean joint load over the interval, -1..1 or so."""


def reward(
    *,
    cpu: Series,
    memory: Series,
    stranded_change: float,
    opened: bool,
    objective_weight: float,
    weights: RewardWeights,
) -> Reward:
    """Reward of one placement.

    total = -( w_c mean[c(cpu)] + w_m mean[c(memory)] + w_f stranded_change + w_o objective_cost(mean[joint_load], opened,
    objective_weight) ) with c = ``overload_cost`` at 0.90 of CPU and 0.95 of memory. Means run over the steps of the interval in
    which the load is known; a resource that is never known costs nothing and counts as idle.

    Args:
        cpu, memory: shape (steps,), load of the chosen node over the following interval: of the pods that are on it once the pod
            is, share of allocatable, above 1 where more is wanted than there is; NaN unknown.
        stranded_change: stranded share of the node, after less before.
        opened: whether the pod is the node's first.
        objective_weight: 0 (spread) to 1 (pack).
        weights: of the parts.

    Returns:
        Finite; high = better.
    """
    cpu_cost = _mean(overload_cost(cpu, CPU_THRESHOLD_RATIO)[~np.isnan(cpu)])
    memory_cost = _mean(overload_cost(memory, MEMORY_THRESHOLD_RATIO)[~np.isnan(memory)])
    load = _mean(joint_load(np.nan_to_num(cpu, nan=0.0), np.nan_to_num(memory, nan=0.0)))
    wanted = objective_cost(load, float(opened), objective_weight)
    cost = (
        weights.cpu_overload * cpu_cost
        + weights.memory_overload * memory_cost
        + weights.fragmentation * stranded_change
        + weights.objective * wanted
    )
    return Reward(-cost, cpu_cost, memory_cost, stranded_change, wanted)


def _mean(values: Series) -> float:
    return float(values.mean()) if values.size else 0.0
