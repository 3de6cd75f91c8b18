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

__all__ = ["PlacementCost", "RewardWeights", "placement_cost"]

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


def placement_cost(
    *, cpu: Series, memory: Series, stranded_change: float, opened: bool, gpu_lost_devices: float = 0.0
) -> PlacementCost:
    """What one placement came to.

    Spread and pack values are ``bound_values`` with load(s) = ln mean(exp(s x)) / s, x the series over what the node may hold, for
    the sum of laws: what a law that knew the interval would have said. Overload is the mean of ``overload_cost`` at 0.90 of CPU and
    0.95 of memory over the steps in which the load is known. A resource that is never known costs nothing and counts as idle.

    Args:
        cpu, memory: shape (steps,), load of the chosen node over the following interval: of the pods that are on it once the pod
            is, share of allocatable, above 1 where more is wanted than there is; NaN unknown.
        stranded_change: stranded share of the node, after less before.
        opened: whether the pod is the node's first.
        gpu_lost_devices: ``fragmentation.gpu_lost`` of it.
    """
    # With no step at all a single unknown one stands for it.
    series = np.stack([cpu, memory]) if cpu.size else np.full((2, 1), np.nan)
    loads = log_moments(series / ROOM_RATIOS[:, None], SCALES).T / SCALES
    spread, pack = bound_values(np.nan_to_num(loads, nan=0.0)[:, :, None], np.array([opened]))[:, 0]
    return PlacementCost(
        _mean(overload_cost(cpu, CPU_THRESHOLD_RATIO)[~np.isnan(cpu)]),
        _mean(overload_cost(memory, MEMORY_THRESHOLD_RATIO)[~np.isnan(memory)]),
        stranded_change,
        float(spread),
        float(pack),
        float(gpu_loss_cost(np.array([gpu_lost_devices]))[0]),
    )


def _mean(values: Series) -> float:
    return float(values.mean()) if values.size else 0.0
