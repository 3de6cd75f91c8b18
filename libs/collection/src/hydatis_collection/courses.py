"""Answers about a window, put together: one row for each series and time, whatever pieces they came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_serving.prometheus.answers import RawCourse
from hydatis_serving.prometheus.past import Page
from numpy.typing import NDArray

__all__ = ["WindowValues", "joined", "matrix"]

_VALUES = msgspec.json.Decoder(list[tuple[float, str]])


@dataclass(frozen=True, slots=True)
class WindowValues:
    """What is known of a table in a window."""

    series: list[tuple[str, ...]]
    """Labels of each, sorted."""
    times: NDArray[np.int64]
    """Unix seconds."""
    values: NDArray[np.float32]
    """shape (columns, series, times); NaN: no value."""


def matrix(courses: Sequence[RawCourse[Any]], first_seconds: float, step_seconds: float, count: int) -> NDArray[np.float32]:
    """The values of series at times that were asked for.

    Returns:
        shape (series, count); NaN: no value, or one that is negative or infinite, which no amount is.

    Raises:
        InvalidValue: what stands there are no numbers, or another time.
    """
    found = np.full((len(courses), count), np.nan, dtype=np.float32)
    for row, course in enumerate(courses):
        try:
            told = _VALUES.decode(course.values)
            times = np.array([time for time, _ in told])
            values = np.array([float(value) for _, value in told])
        except (msgspec.MsgspecError, ValueError) as wrong:
            raise InvalidValue(f"no numbers: {wrong}"[:200], field="values", expected="times and values") from None
        if not told:
            continue
        steps = np.rint((times - first_seconds) / step_seconds).astype(np.int64)
        if steps.min() < 0 or steps.max() >= count:
            raise InvalidValue("values at other times", field="values", expected="the times asked for")
        found[row, steps] = np.where((values >= 0) & np.isfinite(values), values, np.nan)
    return found


def joined(
    columns: Sequence[str], labels: Sequence[str], pages: Mapping[str, Sequence[Page[Any]]], times: NDArray[np.int64]
) -> WindowValues:
    """Puts the pages of all columns together; of a series that stands twice the greatest value is taken.

    Args:
        columns: in the order of the values.
        labels: that say whose a series is.
        pages: by column.
        times: of the window, ascending by one step.
    """
    keys = {tuple(getattr(one, label) for label in labels) for found in pages.values() for page in found for one in page.labels}
    series = sorted(keys)
    row_of = {key: row for row, key in enumerate(series)}
    values = np.full((len(columns), len(series), len(times)), np.nan, dtype=np.float32)
    for at, column in enumerate(columns):
        for page in pages[column]:
            first = int(np.searchsorted(times, round(page.piece.first_seconds)))
            for one, course in zip(page.labels, page.values, strict=True):
                into = values[at, row_of[tuple(getattr(one, label) for label in labels)], first : first + page.piece.count]
                np.fmax(into, course, out=into)
    return WindowValues(series, times, values)
