"""Memory: the greatest use of two weeks and a margin, a small one for the request, a wide one for the limit.

A request is what kube-scheduler sums up and whom kubelet spares when a node runs out; a limit is where a container is killed. So
the request follows the maximum closely and the limit, which costs nothing until it is used, keeps its distance. Memory cannot be
taken back from a pod, only the pod, so no mean and no percentile counts: the maximum does, and where a pod was killed at a limit,
more than that limit. What is to come is not bounded by what was: of n days' maxima that are exchangeable the next day's is the
greatest with chance 1 / (n + 1), and by how much it then passes the old one has a heavy tail:

    kills per day = S(margin) / (n + 1)

S was counted on the tuning machines of Bitbrains, days after a fortnight whose maximum with its margin lay below what the owner had
provisioned (who is anywhere near that is at its ceiling). At no margin it is above 1: use grows, days are not quite exchangeable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LIMIT_MARGIN_RATIO",
    "REQUEST_MARGIN_RATIO",
    "bumped",
    "chance_passed_per_day",
    "memory_above_ratio",
    "memory_needs",
]

REQUEST_MARGIN_RATIO, LIMIT_MARGIN_RATIO = 0.2, 0.5
#: After a kill: at least this much of the limit that was too low, and at least so much more. The Vertical Pod Autoscaler's bump.
_BUMP_RATIO, _BUMP_BYTES = 1.2, 100.0 * 2**20
#: S: margin, and how many of the days that exchangeability gives pass the old maximum by more.
_PASSED = np.array([[0.0, 1.2], [0.1, 0.5], [0.2, 0.3], [0.5, 0.18], [1.0, 0.14], [3.0, 0.09]])
#: Share of such a day that memory is above: counted there too, peaks are short.
_SHARE_OF_DAY = 0.015


def memory_needs(peaks_bytes: NDArray[np.float64], killed_at_bytes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The greatest use, or what a kill says that it would have been; margins come on top.

    Args:
        peaks_bytes: shape (rows, days), each day's greatest use; NaN: not known. Days: the last fourteen
            (``daily_use.MEMORY_DAYS``): a month holds savings back, a week forgets what happens every other week.
        killed_at_bytes: the same shape, greatest limit at which it was killed that day; NaN: it was not.

    Returns:
        shape (rows,), bytes, >= 0; NaN where nothing is known.
    """
    return np.asarray(np.fmax.reduce(np.fmax(peaks_bytes, bumped(killed_at_bytes)), axis=1, initial=np.nan))


def chance_passed_per_day(days_count: NDArray[np.float64], margin_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance that a day's use passes (1 + margin) times the maximum of the days before: S(margin) / (n + 1).

    Args:
        days_count: n, days that the maximum is of, >= 1; NaN: not known.
        margin_ratio: the same shape; S is as at 0 below it, and as at 3 above.

    Returns:
        The same shape, 0..1; with a limit at that margin these are kills.
    """
    share = np.exp(np.interp(margin_ratio, _PASSED[:, 0], np.log(_PASSED[:, 1])))
    return np.asarray(np.minimum(share / (days_count + 1.0), 1.0))


def memory_above_ratio(days_count: NDArray[np.float64], margin_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of time that use is to be expected above (1 + margin) times the maximum: for 1.5 % of a day that passes it."""
    return np.asarray(chance_passed_per_day(days_count, margin_ratio) * _SHARE_OF_DAY)


def bumped(limit_bytes: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a pod that was killed at this limit is taken to need, bytes; NaN stays."""
    return np.asarray(np.maximum(limit_bytes * _BUMP_RATIO, limit_bytes + _BUMP_BYTES))
