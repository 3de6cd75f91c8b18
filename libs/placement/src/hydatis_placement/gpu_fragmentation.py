"""Fragmentation of GPUs against the mix of pods to come: free GPU that the next pod could not use.

The measure is that of Weng et al., "Beware of Fragmentation", USENIX ATC 2023. GPU is free but of no use where the node's CPU is
gone, where too few devices have enough left, or where the model is not one the pod may run on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["WorkloadMix", "gpu_fragmentation"]

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class WorkloadMix:
    """What pods ask for, and how likely the next one asks for it. Every array has shape (classes,)."""

    cpu_milli: Integers
    """Thousandths of a core, >= 0."""
    gpu_count: Integers
    """Devices, >= 0."""
    gpu_milli: Integers
    """Thousandths of each device, 0..1000; 0 without GPU."""
    model_bits: Integers
    """Bit k: it may run on nodes of GPU model k."""
    popularity: NDArray[np.float64]
    """Probability, >= 0, summing to 1."""

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.cpu_milli, self.gpu_count, self.gpu_milli, self.model_bits, self.popularity)}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise WrongShape(f"shapes {sorted(shapes)}", field="mix", expected="one value per class")
        if self.popularity.size and not abs(float(self.popularity.sum()) - 1.0) < 1e-6:
            raise InvalidValue(f"the popularities sum to {self.popularity.sum():g}", field="popularity", expected="1")

    @cached_property
    def gpu_classes(self) -> Integers:
        """Positions of the classes that ask for a GPU."""
        return np.flatnonzero(self.gpu_count > 0)

    @cached_property
    def gpu_levels(self) -> tuple[Integers, Integers]:
        """Distinct shares of a device that are asked for, ascending, and the level of each of ``gpu_classes``."""
        levels, level_of_class = np.unique(self.gpu_milli[self.gpu_classes], return_inverse=True)
        return levels, level_of_class


def gpu_fragmentation(cpu_free: Integers, gpu_free: Integers, model: Integers, mix: WorkloadMix) -> NDArray[np.float64]:
    """GPU that is free and of no use to the next pod, in the mean over the mix.

    With G the sum of a node's free GPU and p_m the popularity of class m:
        F = sum_m p_m F(m),
        F(m) = sum of free_g over the devices with free_g < gpu_milli_m, where the node has room for the pod,
        F(m) = G where it lacks CPU or GPU, is of a model the pod may not run on, or m asks for no GPU.

    Args:
        cpu_free: shape (states,), thousandths of a core.
        gpu_free: shape (states, devices), thousandths of a device; 0 where there is no device.
        model: shape (states,), number of each node's GPU model.
        mix: the pods to come; without any class nothing is known and nothing is fragmented.

    Returns:
        shape (states,), thousandths of a device, 0 <= F <= G.
    """
    total: NDArray[np.float64] = gpu_free.sum(axis=1).astype(np.float64)
    chosen = mix.gpu_classes
    if not chosen.size:
        return total * float(mix.popularity.sum())
    levels, level = mix.gpu_levels
    enough = gpu_free[:, None, :] >= levels[:, None]
    usable = np.where(enough, gpu_free[:, None, :], 0).sum(axis=2)
    room = enough.sum(axis=2)[:, level] >= mix.gpu_count[chosen]
    room &= cpu_free[:, None] >= mix.cpu_milli[chosen]
    room &= (mix.model_bits[chosen] >> model[:, None]) & 1 == 1
    useful: NDArray[np.float64] = np.where(room, usable[:, level], 0) @ mix.popularity[chosen]
    return total - useful
