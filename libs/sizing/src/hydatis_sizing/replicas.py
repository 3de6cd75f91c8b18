"""From replicas to the one request that all of them share.

All pods of a workload have the same requests, yet some work harder: a leader, a hot shard. Memory is by the greatest of them, for
who runs out is killed. CPU is by what suffices 19 of 20, each counted by how long it was seen: of less than twenty equal replicas
that is the hardest working, of five hundred the one that went astray does not size the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["greatest_by_group", "sufficient_by_group"]

_SUFFICED_RATIO = 0.95


def greatest_by_group(values: NDArray[np.float64], group_of: NDArray[np.intp], groups_count: int) -> NDArray[np.float64]:
    """The greatest of each group, NaN left out.

    Args:
        values: shape (rows, ...).
        group_of: shape (rows,), 0 .. groups_count - 1; -1: of no group.
        groups_count: groups.

    Returns:
        shape (groups, ...); NaN where a group has none.
    """
    found = np.full((groups_count, *values.shape[1:]), -np.inf)
    inside = group_of >= 0
    np.maximum.at(found, group_of[inside], np.where(np.isnan(values[inside]), -np.inf, values[inside]))
    return np.where(np.isneginf(found), np.nan, found)


def sufficient_by_group(
    needs: NDArray[np.float64], weights: NDArray[np.float64], group_of: NDArray[np.intp], groups_count: int
) -> NDArray[np.float64]:
    """The least need that 95 % of a group's weight lies at or below.

    Args:
        needs: shape (rows,); NaN: left out.
        weights: shape (rows,), >= 0.
        group_of: as in ``greatest_by_group``.
        groups_count: groups.

    Returns:
        shape (groups,); NaN where a group has none.
    """
    rows = np.flatnonzero((group_of >= 0) & ~np.isnan(needs) & (weights > 0))
    rows = rows[np.lexsort((needs[rows], group_of[rows]))]
    group = group_of[rows]
    total = np.bincount(group, weights[rows], minlength=groups_count)
    before = np.cumsum(total) - total
    enough = np.cumsum(weights[rows]) - before[group] >= _SUFFICED_RATIO * total[group] * (1 - 1e-9)
    found = np.full(groups_count, np.nan)
    # The first of each group: written last.
    first = np.flatnonzero(enough)[::-1]
    found[group[first]] = needs[rows[first]]
    return found
