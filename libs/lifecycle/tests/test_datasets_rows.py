"""Rows that came, went and changed are told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from hydatis_lifecycle.datasets.row_marks import RowCounts, RowMarks, compare_rows, joined, mark_rows
from hypothesis import given
from hypothesis import strategies as st

KEY = ("vm", "t")


def marks(rows: list[tuple[Any, ...]], key: tuple[str, ...] = (), names: tuple[str, ...] = ("vm", "t", "use")) -> RowMarks:
    columns = {}
    for position, name in enumerate(names):
        values = np.array([np.nan if row[position] is None else row[position] for row in rows], float)
        columns[name] = (values, np.array([row[position] is None for row in rows], bool))
    return mark_rows(columns, len(rows), key)


BEFORE = [(1, 0, 10.0), (1, 1, 11.0), (2, 0, 20.0), (2, 1, 21.0)]


def test_rows_that_were_put_in_the_middle_are_added_rows() -> None:
    after = [*BEFORE[:2], (1, 2, 12.0), *BEFORE[2:], (2, 2, 22.0)]
    assert compare_rows(marks(BEFORE), marks(after)) == RowCounts(added=2, removed=0, changed=0)


def test_with_a_key_a_window_that_moved_is_rows_added_and_rows_removed() -> None:
    after = [(1, 1, 11.0), (1, 2, 12.0), (2, 1, 21.0), (2, 2, 22.0)]
    assert compare_rows(marks(BEFORE, KEY), marks(after, KEY)) == RowCounts(added=2, removed=2, changed=0)


def test_without_a_key_what_vanished_and_was_replaced_counts_as_changed() -> None:
    after = [(1, 1, 11.0), (1, 2, 12.0), (2, 1, 21.0), (2, 2, 22.0)]
    assert compare_rows(marks(BEFORE), marks(after)) == RowCounts(added=0, removed=0, changed=2)


def test_a_corrected_value_beside_a_new_row_is_seen_by_its_key() -> None:
    after = [(1, 0, 10.5), *BEFORE[1:], (1, 2, 12.0)]
    assert compare_rows(marks(BEFORE, KEY), marks(after, KEY)) == RowCounts(added=1, removed=0, changed=1)


def test_a_value_that_became_unknown_is_a_change_and_unknown_is_not_zero() -> None:
    for value in (None, 0.0, float("nan")):
        assert compare_rows(marks(BEFORE), marks([(1, 0, value), *BEFORE[1:]])) == RowCounts(0, 0, 1)
    assert compare_rows(marks([(1, 0, None)]), marks([(1, 0, float("nan"))])) == RowCounts(0, 0, 1)


def test_a_row_that_stands_twice_counts_twice() -> None:
    assert compare_rows(marks([BEFORE[0]]), marks([BEFORE[0]] * 3)) == RowCounts(added=2, removed=0, changed=0)
    assert compare_rows(marks([BEFORE[0]] * 3), marks([BEFORE[0]])) == RowCounts(added=0, removed=2, changed=0)


def test_neither_the_order_of_columns_nor_their_width_is_a_difference() -> None:
    absent = np.zeros(2, bool)
    narrow = {"a": (np.array([1, -2], np.int32), absent), "b": (np.array([1.5, np.nan], np.float32), absent)}
    wide = {"b": (np.array([1.5, np.nan], np.float64), absent), "a": (np.array([1, -2], np.int64), absent)}
    assert compare_rows(mark_rows(narrow, 2, ()), mark_rows(wide, 2, ())) == RowCounts(0, 0, 0)


def test_values_that_change_places_between_columns_are_a_difference() -> None:
    assert compare_rows(marks([(1, 2, 3.0)]), marks([(2, 1, 3.0)])) == RowCounts(0, 0, 1)


def test_a_table_without_the_key_is_compared_by_whole_rows() -> None:
    one, other = marks([(1, 2, 3.0)], ("host",)), marks([(1, 2, 4.0)], ("host",))
    assert not one.keys.any()
    assert compare_rows(one, other) == RowCounts(0, 0, 1)


def test_no_rows_at_all_are_rows_too() -> None:
    assert compare_rows(joined([]), marks(BEFORE)) == RowCounts(added=4, removed=0, changed=0)
    assert compare_rows(marks(BEFORE), joined([])) == RowCounts(added=0, removed=4, changed=0)


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_counts_are_those_of_multisets(before: list[int], after: list[int]) -> None:
    found = compare_rows(marks([(one, 0, 0.0) for one in before]), marks([(one, 0, 0.0) for one in after]))
    vanished = sum(max(0, before.count(one) - after.count(one)) for one in range(6))
    appeared = sum(max(0, after.count(one) - before.count(one)) for one in range(6))
    changed = min(vanished, appeared)
    assert found == RowCounts(added=appeared - changed, removed=vanished - changed, changed=changed)
