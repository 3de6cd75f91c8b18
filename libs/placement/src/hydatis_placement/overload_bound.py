"""The bound on a node's overload that follows from the laws of its pods, and what a node is worth by it.

With load(s) the sum of its pods' effective loads at scale s (``hydatis_features.use_law``), in shares of what the node may hold,
the chance that it passes its threshold is at most exp(s (load(s) - 1)) for every s > 0 (Chernoff 1952; as "effective bandwidths"
Kelly 1996). The least of them over a few scales follows means when a node is full of steady pods and tails when a few bursty ones
could meet, which no sum of percentiles does. Adding a pod is adding six numbers, so a decision over a thousand nodes costs a few
passes over 6,000.

What the bound is worth, from spreading (w = 0) to packing (w = 1):

    b = ln bound / 6,  D = exp(b) up to b = 1 and e b beyond,  u = min(max_r load_r(10), 2),  o = 1 if the node was empty
    value = (1 - w) (-D) + w (u - o - 3 D)

The sixth root makes a bound of 10^-4 and one of 1 differ by 0.2 and 1, so that a network can learn either; beyond, D goes on along
its tangent, so that a few wrecked nodes do not drown what is told of good ones.
"""

from __future__ import annotations

import numpy as np
from hydatis_features.use_law import SCALES
from numpy.typing import NDArray

__all__ = ["bound_values", "log_overload_bound"]

_ROOT = 6.0
_LARGEST_LOAD = 2.0
_OVERLOAD_WEIGHT = 3.0


def log_overload_bound(loads: NDArray[np.floating]) -> NDArray[np.float64]:
    """ln( min_s exp(s (load_cpu(s) - 1)) + min_s exp(s (load_memory(s) - 1)) ).

    Args:
        loads: shape (2, scales, nodes), sums of effective loads, CPU and memory.

    Returns:
        shape (nodes,), low = safe; an empty node: -s of the largest scale + ln 2; above 0: the bound says nothing any more, and
        still grows with the load.
    """
    least = (SCALES[:, None] * (loads - 1.0)).min(axis=1)
    return np.asarray(np.logaddexp(least[0], least[1]))


def bound_values(loads: NDArray[np.floating], opened: NDArray[np.floating] | NDArray[np.bool_]) -> NDArray[np.float32]:
    """Value of nodes with these loads: of a forecast, or of what came.

    Args:
        loads: shape (2, scales, nodes), sums of effective loads.
        opened: shape (nodes,): o.

    Returns:
        shape (2, nodes), float32, high = better: with objective weight 0, and with 1.
    """
    root = log_overload_bound(loads) / _ROOT
    # exp(b) lies above its tangent at 1: the larger of the two, the exponent cut at 1, is D.
    overload = np.maximum(np.exp(np.minimum(root, 1.0)), np.e * root)
    load = np.minimum(np.maximum(loads[0, 0], loads[1, 0]), _LARGEST_LOAD)
    return np.stack([-overload, load - opened - _OVERLOAD_WEIGHT * overload]).astype(np.float32)
