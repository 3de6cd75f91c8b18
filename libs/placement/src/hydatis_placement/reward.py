"""The reward of one placement in training: minus what its node came to, counted on what really happened.

A placement is charged with the overload of its node over the following interval, whoever causes it: a hot node is to be left alone.
Charging only what the pod itself adds would make an overloaded node cheap for small pods, and they would pile up there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_features.profile_moments import log_moments
from hydatis_features.use_law import ROOM_RATIOS, SCALES
from numpy.typing import NDArray

from hydatis_placement.gpu_loss import gpu_loss_cost
from hydatis_placement.overload import CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO, overload_cost
from hydatis_placement.overload_bound import bound_values

__all__ = ["PlacementCost", "RewardWeights", "placement_costs"]

Matrix = NDArray[np.float32]


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
    gpu_loss: float = 0.5
    """Of ``gpu_loss_cost``: GPU that no pod like those seen could use any more. Half a node at most, however much is lost: it
    decides between nodes that are safe, and a node near its threshold is never better for it."""
    objective: float = 1.0
    """Of the bound's value, which the objective weight turns from spreading to packing."""

    def __post_init__(self) -> None:
        for name in ("cpu_overload", "memory_overload", "fragmentation", "gpu_loss", "objective"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InvalidValue(f"{value!r} is no weight", field=name, expected="a finite number >= 0")


@dataclass(frozen=True, slots=True)
class PlacementCost:
    """What one placement came to, part by part and before weights; the objective weight is not chosen yet."""

    cpu_overload: float
    """Mean over the interval of the CPU overload cost of the node, >= 0."""
    memory_overload: float
    """The same for memory, >= 0."""
    fragmentation: float
    """Change of the stranded share of the node, -1..1."""
    spread_value: float
    """``bound_values`` of the node, with its true series for the sum of laws and objective weight 0; high = better."""
    pack_value: float
    """The same with objective weight 1."""
    gpu_loss: float
    """``gpu_loss_cost`` of the placement, -1..1; 0 without GPU."""

    def reward(self, objective_weight: float, weights: RewardWeights) -> float:
        """w_o ((1 - w) spread_value + w pack_value) - w_c cpu_overload - w_m memory_overload - w_f fragmentation - w_g gpu_loss.

        Args:
            objective_weight: w, 0 (spread) to 1 (pack); the reward is linear in it.
            weights: of the parts.

        Returns:
            Without unit, high = better, finite; 1 is a tenth of a node's CPU over the threshold all the time, or a whole node.
        """
        value = (1.0 - objective_weight) * self.spread_value + objective_weight * self.pack_value
        return weights.objective * value - (
            weights.cpu_overload * self.cpu_overload
            + weights.memory_overload * self.memory_overload
            + weights.fragmentation * self.fragmentation
            + weights.gpu_loss * self.gpu_loss
        )


def placement_costs(
    *,
    cpu: Matrix,
    memory: Matrix,
    stranded_change: NDArray[np.floating],
    opened: NDArray[np.bool_],
    gpu_lost_devices: NDArray[np.floating],
) -> list[PlacementCost]:
    """What each of some placements would come to.

    Spread and pack values are ``bound_values`` with load(s) = ln mean(exp(s x)) / s, x the series over what the node may hold, for
    the sum of laws: what a law that knew the interval would have said. Overload is the mean of ``overload_cost`` at 0.90 of CPU and
    0.95 of memory over the steps in which the load is known. A resource that is never known costs nothing and counts as idle.

    Args:
        cpu, memory: shape (placements, steps), load of the chosen node over the following interval: of the pods that are on it once
            the pod is, share of allocatable, above 1 where more is wanted than there is; NaN unknown. One step or more.
        stranded_change: shape (placements,), stranded share of the node, after less before.
        opened: shape (placements,), whether the pod is the node's first.
        gpu_lost_devices: shape (placements,), ``fragmentation.gpu_lost`` of it.

    Raises:
        WrongShape: there are no steps.
    """
    loads = log_moments(np.stack([cpu, memory]) / ROOM_RATIOS[:, None, None], SCALES).transpose(1, 0, 2) / SCALES[:, None]
    spread, pack = bound_values(np.nan_to_num(loads, nan=0.0), opened)
    parts = (
        _known_mean(overload_cost(cpu, CPU_THRESHOLD_RATIO), cpu),
        _known_mean(overload_cost(memory, MEMORY_THRESHOLD_RATIO), memory),
        stranded_change,
        spread,
        pack,
        gpu_loss_cost(gpu_lost_devices.astype(np.float64)),
    )
    return [PlacementCost(*map(float, placement)) for placement in zip(*parts, strict=True)]


def _known_mean(costs: Matrix, loads: Matrix) -> list[np.float32]:
    """Mean cost of each placement over the steps in which its load is known; 0 where none is."""
    known = ~np.isnan(loads)
    return [row[steps].mean() if steps.any() else np.float32(0.0) for row, steps in zip(costs, known, strict=True)]
