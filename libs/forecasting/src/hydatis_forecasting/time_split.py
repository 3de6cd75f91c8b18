"""Splits by time: train on the past, calibrate on what came later, judge on what came last.

A random split would let neighbouring ticks, which are nearly equal, stand on both sides, and every figure would flatter. Between
slices lies a gap as long as the longest horizon, so that no target of an earlier slice reaches into a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

from hydatis_forecasting.targets import HORIZONS_SECONDS

__all__ = ["split_by_time"]


def split_by_time(
    generations: NDArray[np.int64], shares: Sequence[float], gap_seconds: float = float(max(HORIZONS_SECONDS))
) -> list[NDArray[np.bool_]]:
    """Cuts ticks into consecutive slices of time.

    Args:
        generations: shape (m,), the tick of each row.
        shares: share of the time span of each slice, each > 0, summing to 1.
        gap_seconds: ticks closer than this before the start of the next slice are in no slice.

    Returns:
        One mask of shape (m,) per slice.

    Raises:
        InvalidValue: no rows, shares that do not sum to 1, or a slice that would have no rows.

    >>> [mask.sum() for mask in split_by_time(np.arange(0, 36000, 300), (0.5, 0.5), gap_seconds=3600)]
    [np.int64(48), np.int64(60)]
    """
    if len(generations) == 0:
        raise InvalidValue("there are no rows to split", field="generations", expected="one or more rows")
    if not shares or min(shares) <= 0 or abs(sum(shares) - 1.0) > 1e-9:
        raise InvalidValue(f"shares are {tuple(shares)}", field="shares", expected="positive shares that sum to 1")
    ticks = np.unique(generations)
    cuts = np.concatenate([[0], np.rint(np.cumsum(shares) * len(ticks)).astype(int)])
    slices = []
    for first, last in pairwise(cuts):
        mask = np.zeros(len(generations), dtype=np.bool_)
        if last > first:
            mask = (generations >= ticks[first]) & (generations <= ticks[last - 1])
        if last < len(ticks):
            mask &= generations < ticks[last] - gap_seconds
        if not mask.any():
            raise InvalidValue("a slice has no rows", field="shares", expected="a longer record, fewer slices or a shorter gap")
        slices.append(mask)
    return slices
