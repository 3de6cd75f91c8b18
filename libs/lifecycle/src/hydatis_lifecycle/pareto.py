"""Which of many outcomes are not beaten in everything: the Pareto front.

A search ends with one best trial by one number; somebody who would pay a little more for a little less violation looks at the
front. It is computed from what trials recorded, because pruning works on a single objective only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import ArrayLike, NDArray

__all__ = ["pareto_front"]


def pareto_front(figures: ArrayLike, higher_is_better: Sequence[bool]) -> NDArray[np.intp]:
    """Positions of the rows that no other row dominates, ascending.

    Row a dominates b when it is at least as good in every column and better in one. Equal rows do not dominate each other, so all
    of them are on the front. A row with an unknown figure (NaN) is not comparable and is on no front.

    Args:
        figures: shape (rows, columns).
        higher_is_better: per column.

    Raises:
        WrongShape: figures are not rows of as many columns as there are directions.
        InvalidValue: no column.

    >>> pareto_front([[1.0, 5.0], [2.0, 4.0], [1.0, 4.0]], (True, True)).tolist()
    [0, 1]
    """
    values = np.asarray(figures, dtype=np.float64)
    if not len(higher_is_better):
        raise InvalidValue("no figure to compare by", field="higher_is_better", expected="at least one")
    if values.ndim != 2 or values.shape[1] != len(higher_is_better):
        raise WrongShape(f"figures of shape {values.shape}", field="figures", expected=f"(rows, {len(higher_is_better)})")
    signed = np.where(higher_is_better, values, -values)
    known = np.flatnonzero(~np.isnan(signed).any(axis=1))
    kept = [
        row for row in known if not ((signed[known] >= signed[row]).all(axis=1) & (signed[known] > signed[row]).any(axis=1)).any()
    ]
    return np.array(kept, dtype=np.intp)
