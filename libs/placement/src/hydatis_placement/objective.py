"""The objective: what is wanted of the cluster besides no overload, from spreading load to packing it.

One weight moves between the two, so that one policy serves both and an operator turns a knob instead of training again.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["objective_cost"]

Amount = TypeVar("Amount", float, NDArray[np.float32])


def objective_cost(square_change: Amount, opened: Amount, objective_weight: float) -> Amount:
    """Cost of one placement: (1 - 2w) d(u^2) + w o.

    d(u^2) is what the placement adds to the sum of squared CPU and memory loads of the node. Over all nodes that sum is least when
    loads are equal (it is their variance plus a constant), so w = 0 spreads. With w = 1 its sign is turned, full nodes are
    preferred, and o makes each node that is opened cost 1.

    Args:
        square_change: d(u^2), loads as shares of allocatable.
        opened: o, 1 if the node had no pod before, else 0.
        objective_weight: w, 0 (spread) to 1 (pack).

    Returns:
        The cost, without unit; lower = better.
    """
    return square_change * (1.0 - 2.0 * objective_weight) + opened * objective_weight
