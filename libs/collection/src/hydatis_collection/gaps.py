"""What is missing of a window: stretches of time in which series have no value, though they have before and after.

A gap is known to be one when the series goes on afterwards, or when nobody has a value: a pod that has ended, or has not begun, is
none. What ends with its window is seen by the check of the whole dataset.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from hydatis_collection.courses import WindowValues

__all__ = ["Gap", "gaps_of"]

#: Gaps of a column that are told one by one; the rest is told as one from the first to the last of them.
_MOST = 50


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Times without values."""

    table: str
    column: str
    first_seconds: int
    last_seconds: int
    """The last time without one."""
    series_count: int
    """How many series lack it at most."""
    of_count: int
    """How many series the window has."""
    example: str = ""
    """Labels of one of them; empty: nobody has a value."""


def gaps_of(table: str, columns: tuple[str, ...], found: WindowValues) -> list[Gap]:
    """The gaps of a window, by column and time.

    Args:
        table: its name.
        columns: in the order of the values.
        found: what is known.
    """
    return [gap for at, column in enumerate(columns) for gap in _of_column(table, column, found, found.values[at])]


def _of_column(table: str, column: str, found: WindowValues, values: NDArray[np.float32]) -> list[Gap]:
    known = ~np.isnan(values)
    begun: NDArray[np.bool_] = np.logical_or.accumulate(known, axis=1)
    goes_on: NDArray[np.bool_] = np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    lacking = ~known & begun & goes_on
    counts = np.where(known.any(axis=0), lacking.sum(axis=0), len(known))
    silent = np.asarray(~known.any(axis=0))
    marks = np.where(silent, -1, counts)
    bounds = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), len(marks)]
    gaps = []
    for first, end in pairwise(bounds):
        if not marks[first]:
            continue
        example = ""
        if not silent[first]:
            labels = found.series[int(np.argmax(lacking[:, first]))]
            example = "/".join(label for label in labels if label)
        gaps.append(
            Gap(
                table=table,
                column=column,
                first_seconds=int(found.times[first]),
                last_seconds=int(found.times[end - 1]),
                series_count=int(counts[first]),
                of_count=len(known),
                example=example,
            )
        )
    if len(gaps) <= _MOST:
        return gaps
    kept, rest = gaps[: _MOST - 1], gaps[_MOST - 1 :]
    whole = msgspec.structs.replace(
        rest[0], last_seconds=rest[-1].last_seconds, series_count=max(gap.series_count for gap in rest), example="many"
    )
    return [*kept, whole]
