"""What is peculiar about a flagged node: the columns in which it stands farthest from the fleet.

A risk alone helps nobody who is called at night. A model may not say which inputs moved it; then each column of a flagged node is
compared with the same column of all nodes, in robust deviations, and the largest are named.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from hydatis_features.table import NodeTable

__all__ = ["contributions"]

#: Makes a median absolute deviation comparable to a standard deviation (1 / 0.6745, the normal distribution's quartile).
_MAD_TO_SIGMA = 1.4826
#: Deviations are cut here: beyond, a column that hardly varies would take the whole share.
_MOST_SIGMAS = 50.0


def contributions(table: NodeTable, rows: Sequence[int], top_count: int = 5) -> list[tuple[tuple[str, float], ...]]:
    """For each row, the columns that set it apart from the fleet.

    The deviation of a column is z = |value - median| / (1.4826 x median absolute deviation), at most 50; its share is z over the
    sum of z of all columns. Unknown values and columns in which the fleet does not vary count as 0.

    Args:
        table: all nodes.
        rows: the rows wanted.
        top_count: how many columns per row at most.

    Returns:
        Per row (column, share 0..1), largest first; empty when nothing sets it apart.
    """
    if not rows:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column nobody has a value of has no median: NaN, as it should be
        median = np.nanmedian(table.values, axis=0)
        spread = _MAD_TO_SIGMA * np.nanmedian(np.abs(table.values - median), axis=0)
    known = np.isfinite(spread) & (spread > 0)
    sigmas = np.zeros((len(rows), len(table.columns)))
    sigmas[:, known] = np.abs(table.values[list(rows)][:, known] - median[known]) / spread[known]
    sigmas = np.minimum(np.nan_to_num(sigmas, nan=0.0), _MOST_SIGMAS)
    totals = sigmas.sum(axis=1)
    order = np.argsort(-sigmas, axis=1, kind="stable")[:, :top_count]
    return [
        tuple((table.columns[column], float(line[column] / total)) for column in best if line[column] > 0)
        for line, total, best in zip(sigmas, totals, order.tolist(), strict=True)
    ]
