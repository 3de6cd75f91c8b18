"""Arrays that are known by row number and grow as rows are given out.

A row is given to a key when the key first turns up, so nobody knows beforehand how many there will be; growing by doubling keeps
the cost of each new row constant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_lists", "with_rows"]

T = TypeVar("T", bound=np.generic)


def with_rows(table: NDArray[T], rows: NDArray[np.intp], values: NDArray[T], empty: float = np.nan) -> NDArray[T]:
    """The table with these rows set, grown with an empty value where it is too short."""
    needed = int(rows.max(initial=-1)) + 1
    if needed > len(table):
        extra = np.full((max(64, 2 * needed) - len(table), *table.shape[1:]), empty, dtype=table.dtype)
        table = np.concatenate([table, extra])
    table[rows] = values
    return table


def as_lists(*columns: NDArray[Any]) -> Iterable[tuple[Any, ...]]:
    """Rows of several arrays as Python values, side by side."""
    return zip(*(column.tolist() for column in columns), strict=True)
