"""A gap is one when the series goes on afterwards or nobody has a value; beginnings and ends are none."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hydatis_collection.courses import WindowValues, joined, matrix
from hydatis_collection.gaps import Gap, gaps_of
from hydatis_core.errors import InvalidValue
from hydatis_serving.prometheus.answers import PodLabels, RawCourse
from hydatis_serving.prometheus.past import Page
from hydatis_serving.prometheus.pieces import Piece

NAN = float("nan")


def found(*values: list[float]) -> WindowValues:
    series = [(f"pod-{row}", "") for row in range(len(values))]
    return WindowValues(series, np.arange(len(values[0])) * 60, np.array([values], dtype=np.float32))


def gap(first: int, last: int, count: int, of: int, example: str = "") -> Gap:
    return Gap(
        table="pods",
        column="cpu",
        first_seconds=first * 60,
        last_seconds=last * 60,
        series_count=count,
        of_count=of,
        example=example,
    )


@pytest.mark.parametrize(
    ("values", "gaps"),
    [
        ([[1, 1, 1, 1]], []),
        ([[1, NAN, NAN, 1], [1, 1, 1, 1]], [gap(1, 2, 1, 2, "pod-0")]),
        ([[NAN, 1, 1, NAN], [1, 1, 1, 1]], []),  # began, ended
        ([[1, NAN, 1, 1], [1, NAN, 1, 1]], [gap(1, 1, 2, 2)]),
        ([[NAN, NAN, 1, 1]], [gap(0, 1, 1, 1)]),  # nobody: the server was away
        ([[1, NAN, NAN, 1], [1, 1, NAN, 1], [1, 1, 1, 1]], [gap(1, 1, 1, 3, "pod-0"), gap(2, 2, 2, 3, "pod-0")]),
    ],
)
def test_gaps_are_told_by_time_with_how_many_lack(values: list[list[float]], gaps: list[Gap]) -> None:
    assert gaps_of("pods", ("cpu",), found(*values)) == gaps


def test_a_window_without_anybody_is_one_gap() -> None:
    nobody = WindowValues([], np.arange(4) * 60, np.zeros((1, 0, 4), dtype=np.float32))
    assert gaps_of("pods", ("cpu",), nobody) == [gap(0, 3, 0, 0)]


def test_the_gaps_of_a_column_are_no_more_than_fifty() -> None:
    values = [1.0 if step % 2 else NAN for step in range(301)]
    gaps = gaps_of("pods", ("cpu",), found([1.0, *values, 1.0], [1.0] * 303))
    assert len(gaps) == 50
    assert (gaps[-1].example, gaps[-1].last_seconds) == ("many", 301 * 60)


def course(pod: str, *values: Any) -> RawCourse[PodLabels]:
    return RawCourse(PodLabels("shop", pod), msgspec.Raw(json.dumps(list(values)).encode()))


def test_values_stand_at_their_times_and_what_is_no_amount_is_unknown() -> None:
    read = matrix([course("a", [60, "1.5"], [180.0, "+Inf"]), course("b"), course("c", [120.001, "-3"], [0, "NaN"])], 0.0, 60.0, 4)
    np.testing.assert_array_equal(read, np.array([[NAN, 1.5, NAN, NAN], [NAN] * 4, [NAN] * 4], dtype=np.float32))


@pytest.mark.parametrize("values", [[[0, "many"]], [[0, 1.0]], [[600, "1"]], [[-60, "1"]], ["0"]])
def test_what_is_no_answer_is_refused(values: list[Any]) -> None:
    with pytest.raises(InvalidValue):
        matrix([course("a", *values)], 0.0, 60.0, 4)


def page(first: int, count: int, **values: list[float]) -> Page[PodLabels]:
    return Page(
        Piece(first * 60.0, 60.0, count),
        [PodLabels("shop", pod) for pod in values],
        np.array(list(values.values()), dtype=np.float32),
    )


def test_pages_make_the_same_window_however_they_were_cut() -> None:
    times, columns, labels = np.arange(4) * 60, ("cpu",), ("namespace", "pod")
    whole = joined(columns, labels, {"cpu": [page(0, 4, b=[1, 2, 3, 4], a=[5, NAN, 7, 8])]}, times)
    cut = joined(columns, labels, {"cpu": [page(2, 2, a=[7, 8], b=[3, 4]), page(0, 2, b=[1, 2]), page(0, 2, a=[5, NAN])]}, times)
    assert whole.series == cut.series == [("shop", "a"), ("shop", "b")]
    np.testing.assert_array_equal(whole.values, cut.values)
    np.testing.assert_array_equal(whole.values[0], np.array([[5, NAN, 7, 8], [1, 2, 3, 4]], dtype=np.float32))


def test_of_a_series_that_stands_twice_the_greatest_value_is_taken() -> None:
    twice = joined(("cpu",), ("namespace", "pod"), {"cpu": [page(0, 2, a=[1, NAN]), page(0, 2, a=[2, 3])]}, np.arange(2) * 60)
    np.testing.assert_array_equal(twice.values[0], [[2, 3]])
