"""Memory: the greatest use of two weeks and a margin, a small one for the request, a wide one for the limit.

A request is what kube-scheduler sums up and whom kubelet spares when a node runs out; a limit is where a container is killed. So
the request follows the maximum closely and the limit, which costs nothing until it is used, keeps its distance. Memory cannot be
taken back from a pod, only the pod, so no mean and no percentile counts: the maximum does, and where a pod was killed at a limit,
more than that limit. What is to come is not bounded by what was: of n days' maxima that are exchangeable the next day's is the
greatest with chance 1 / (n + 1), and by how much it then passes the old one has a heavy tail:

    kills per day = S(margin) / (n + 1)

S was counted on the tuning machines of Bitbrains (days after 7, 14 and 28 days of past): half of what passes the old maximum passes
it by more than a tenth.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

from hydatis_sizing.past import Past

__all__ = ["DAYS", "LIMIT_MARGIN_RATIO", "REQUEST_MARGIN_RATIO", "bumped", "expected_kills_per_day", "memory_needs"]

#: Days looked back on: a month holds savings back that a fortnight allows, a week forgets what happens every other week.
DAYS = 14
REQUEST_MARGIN_RATIO, LIMIT_MARGIN_RATIO = 0.2, 0.5
#: After a kill: at least this much of the limit that was too low, and at least so much more. The Vertical Pod Autoscaler's bump.
_BUMP_RATIO, _BUMP_BYTES = 1.2, 100.0 * 2**20
#: S: margin, share of new maxima that pass the old one by more.
_PASSED = np.array([[0.0, 1.0], [0.1, 0.40], [0.2, 0.26], [0.5, 0.145], [1.0, 0.093], [3.0, 0.03]])


def memory_needs(past: Past) -> NDArray[np.float64]:
    """The greatest use, or what a kill says that it would have been; margins come on top.

    Args:
        past: use and kills.

    Returns:
        shape (pods,), bytes, >= 0; NaN where nothing is known.
    """
    recent = past.newest(DAYS)
    needed = np.fmax(recent.memory_peaks(), bumped(recent.killed_at_bytes))
    known = ~np.isnan(needed).all(axis=1)
    greatest = np.full(len(needed), np.nan)
    greatest[known] = np.nanmax(needed[known], axis=1)
    return greatest


def expected_kills_per_day(days_count: NDArray[np.intp], margin_ratio: float) -> NDArray[np.float64]:
    """Chance that a day's use passes (1 + margin) times the maximum of the days before, should the limit be there.

    Args:
        days_count: days that the maximum is of, >= 1.
        margin_ratio: 0 .. 3.

    Returns:
        The same shape, 0..0.5.

    Raises:
        InvalidValue: the margin is out of range.
    """
    if not 0.0 <= margin_ratio <= _PASSED[-1, 0]:
        raise InvalidValue(f"margin is {margin_ratio!r}", field="margin_ratio", expected=f"0 to {_PASSED[-1, 0]:g}")
    share = np.exp(np.interp(margin_ratio, _PASSED[:, 0], np.log(_PASSED[:, 1])))
    return np.asarray(share / (days_count + 1.0))


def bumped(limit_bytes: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a pod that was killed at this limit is taken to need, bytes; NaN stays."""
    return np.asarray(np.maximum(limit_bytes * _BUMP_RATIO, limit_bytes + _BUMP_BYTES))
