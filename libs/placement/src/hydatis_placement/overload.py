"""The cost of overload: one formula for what happened and its expectation under a forecast.

The reward of training, the greedy rung and the load rung must mean the same by "overloaded", or comparing them compares
formulas. The cost grows with the excess without end and without a step: a step would make an overloaded node cheap to load further.
"""

from __future__ import annotations

import math

import numpy as np
from hydatis_features.use_law import ROOM_RATIOS
from numpy.typing import NDArray

__all__ = ["CPU_THRESHOLD_RATIO", "MEMORY_THRESHOLD_RATIO", "SEVERITY_UNIT", "expected_overload_cost", "overload_cost"]

#: CPU above this share of allocatable is overload: pods are about to be slowed down.
CPU_THRESHOLD_RATIO = float(ROOM_RATIOS[0])
#: Memory above this share of allocatable is overload: pods are about to be killed.
MEMORY_THRESHOLD_RATIO = float(ROOM_RATIOS[1])
#: An excess of this share of allocatable, all the time, costs 1.
SEVERITY_UNIT = 0.10

#: The 95th percentile of a logistic law lies this many scales above its median: ln(0.95 / 0.05).
_P95_SCALES = math.log(19.0)
_SMALLEST_SCALE = 1e-3


def overload_cost(load: NDArray[np.float32], threshold_ratio: float) -> NDArray[np.float32]:
    """Cost of a load that happened: max(load - t, 0) / 0.1.

    Args:
        load: any shape, share of allocatable, NaN unknown.
        threshold_ratio: t.

    Returns:
        Same shape, float32, >= 0, 0 where unknown; 1 is a tenth of the node above the threshold for the whole interval.
    """
    excess = np.nan_to_num(load - np.float32(threshold_ratio), nan=0.0)
    cost: NDArray[np.float32] = np.maximum(excess, np.float32(0.0)) * np.float32(1.0 / SEVERITY_UNIT)
    return cost


def expected_overload_cost(p50: NDArray[np.float32], p95: NDArray[np.float32], threshold_ratio: float) -> NDArray[np.float32]:
    """Expectation of the same cost when the load follows the logistic law with this median and 95th percentile.

    With s = (p95 - p50) / ln 19 and z = (p50 - t) / s: E[max(load - t, 0)] = s ln(1 + exp(z)).

    Args:
        p50, p95: same shape, share of allocatable, finite.
        threshold_ratio: t.

    Returns:
        Same shape, float32, >= 0, growing in both quantiles (in p95 at a given p50).
    """
    scale = np.maximum((p95 - p50) * np.float32(1.0 / _P95_SCALES), np.float32(_SMALLEST_SCALE))
    z = (p50 - np.float32(threshold_ratio)) / scale
    # ln(1 + exp(z)) without overflow.
    softplus = np.maximum(z, np.float32(0.0)) + np.log1p(np.exp(-np.abs(z)))
    cost: NDArray[np.float32] = scale * softplus * np.float32(1.0 / SEVERITY_UNIT)
    return cost
