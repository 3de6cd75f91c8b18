import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, UnknownColumn
from hydatis_model_server.columns import MAX_CACHED, ColumnPicker

WANTED = (("a", "aaaaaaaaaaaa"), ("b", "bbbbbbbbbbbb"))
ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_columns_are_found_by_name_in_any_order_and_others_are_ignored():
    picked = ColumnPicker(WANTED).pick("b:bbbbbbbbbbbb,x:0000,a:aaaaaaaaaaaa", ROWS)
    assert picked.tolist() == [[2.0, 0.0], [5.0, 3.0]]
    assert picked.flags.c_contiguous


def test_rows_in_the_models_own_layout_are_not_copied():
    rows = np.zeros((2, 2), dtype=np.float32)
    picker = ColumnPicker(WANTED)
    for _ in range(2):
        assert picker.pick("a:aaaaaaaaaaaa,b:bbbbbbbbbbbb", rows) is rows


@pytest.mark.parametrize(
    ("layout", "error", "reason"),
    [
        ("", InvalidValue, "missing"),
        ("a", InvalidValue, "does not name a column"),
        ("a:aaaaaaaaaaaa,,b:bbbbbbbbbbbb", InvalidValue, "does not name a column"),
        (":aaaa,b:b,c:c", InvalidValue, "does not name a column"),
        ("a:aaaaaaaaaaaa,a:aaaaaaaaaaaa,b:bbbbbbbbbbbb", Duplicate, "stands twice"),
        ("a:aaaaaaaaaaaa,c:cc,d:dd", UnknownColumn, "'b' is not in the table"),
        ("a:aaaaaaaaaaaa,b:000000000000,d:dd", UnknownColumn, "has definition 000000000000"),
        ("a:aaaaaaaaaaaa,b:bbbbbbbbbbbb", UnknownColumn, "2 columns are named for 3 sent"),
        ("x" * (1 << 20), InvalidValue, "characters"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(layout, error, reason):
    with pytest.raises(error, match=reason):
        ColumnPicker(WANTED).pick(layout, ROWS)


def test_a_client_that_invents_layouts_does_not_fill_the_memory():
    picker = ColumnPicker(WANTED)
    for number in range(3 * MAX_CACHED):
        picker.pick(f"a:aaaaaaaaaaaa,b:bbbbbbbbbbbb,x{number}:00", ROWS)
    assert len(picker._known) <= MAX_CACHED
