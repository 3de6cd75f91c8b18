"""The objective: what is wanted of the cluster besides no overload, from spreading load to packing it.

One weight moves between the two, so that one policy serves both and an operator turns a knob instead of training again.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["joint_load", "objective_cost"]

Amount = TypeVar("Amount", float, NDArray[np.float32])


def joint_load(cpu: NDArray[np.float32], memory: NDArray[np.float32]) -> NDArray[np.float32]:
    """One number for how full a node is: the root mean square of its CPU and memory loads, nearer to the fuller of the two.

    Args:
        cpu, memory: same shape, share of allocatable, >= 0.

    Returns:
        Same shape, between the two loads.
    """
    result: NDArray[np.float32] = np.sqrt((cpu * cpu + memory * memory) * np.float32(0.5))
    return result


def objective_cost(load: Amount, opened: Amount, objective_weight: float) -> Amount:
    """Cost of one placement: (1 - 2w) u + w o.

    With w = 0 the cost is the node's load u once the pod is on it: empty nodes are preferred, and load spreads. With w = 1 its sign
    is turned: full nodes are preferred, and o makes each node that is opened cost 1 more. Halfway only o is left, halved.

    Args:
        load: u, ``joint_load`` of the node after the placement.
        opened: o, 1 if the node had no pod before, else 0.
        objective_weight: w, 0 (spread) to 1 (pack).

    Returns:
        The cost, in shares of a node; lower = better.
    """
    return load * (1.0 - 2.0 * objective_weight) + opened * objective_weight
