"""Utilities as the 0..10 scores of a kube-scheduler extender.

Eleven levels are few, and kube-scheduler breaks ties at random. So nodes that are as good as the best share the top level, and
what the levels are spent on is the distance of the others from it: how much worse a node is survives the scale.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

__all__ = ["MAX_SCORE", "scores"]

#: ``MaxExtenderPriority`` of kube-scheduler.
MAX_SCORE = 10


def scores(utilities: NDArray[np.float32], *, epsilon: float) -> NDArray[np.int64]:
    """Scores of candidates.

    With best = max(u), worst = min(u) and top = best - epsilon:

    * u >= top: 10. All equal, or all within epsilon: all 10.
    * else floor(10 (u - worst) / (top - worst)), 0..9: ten steps of equal width over what is left of the range. The worst gets 0.

    Args:
        utilities: shape (candidates,), high = better, finite.
        epsilon: utilities this close to the best are as good as it, in the unit of the utilities, >= 0.

    Returns:
        shape (candidates,), int64, 0..10, high = better, never decreasing in the utility; no candidates: empty.

    Raises:
        InvalidValue: a utility is NaN or infinite, or epsilon is not a finite number >= 0.
    """
    if not (np.isfinite(epsilon) and epsilon >= 0):
        raise InvalidValue(f"{epsilon!r} is no distance", field="epsilon", expected="a finite number >= 0")
    if utilities.size == 0:
        return np.empty(0, dtype=np.int64)
    wide = utilities.astype(np.float64)
    best, worst = float(wide.max()), float(wide.min())
    if not np.isfinite(best - worst):
        raise InvalidValue("a utility is not finite", field="utilities", expected="finite numbers")
    top = best - epsilon
    result = np.full(wide.shape, MAX_SCORE, dtype=np.int64)
    if worst >= top:
        return result
    below = wide < top
    levels = np.floor((wide[below] - worst) * (MAX_SCORE / (top - worst)))
    result[below] = np.minimum(levels, MAX_SCORE - 1).astype(np.int64)
    return result
