"""A table is a value: checked once, never changed."""

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, UnknownColumn, UnknownNode, WrongShape
from hydatis_features.table import NodeTable


def _table(values=None, **changes):
    values = np.arange(6, dtype=np.float32).reshape(3, 2) if values is None else values
    return NodeTable(**{"generation": 60, "node_names": ("a", "b", "c"), "columns": ("x", "y"), "values": values} | changes)


def test_columns_and_rows_are_found_by_name():
    table = _table()
    assert table.column("y").tolist() == [1.0, 3.0, 5.0]
    assert table.rows_of(["c", "a"]).tolist() == [2, 0]


def test_nan_is_kept_and_values_cannot_be_written():
    table = _table(np.full((3, 2), np.nan, dtype=np.float32))
    assert np.isnan(table.values).all()
    with pytest.raises(ValueError, match="read-only"):
        table.values[0, 0] = 1.0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"generation": 0}, InvalidValue),
        ({"values": np.zeros((2, 2), dtype=np.float32)}, WrongShape),
        ({"values": np.zeros((3, 2))}, WrongShape),
        ({"values": np.full((3, 2), np.inf, dtype=np.float32)}, InvalidValue),
        ({"node_names": ("a", "a", "c")}, Duplicate),
        ({"columns": ("x", "x")}, Duplicate),
    ],
)
def test_what_is_no_table_is_refused(changes, error):
    with pytest.raises(error):
        _table(**changes)


def test_unknown_and_repeated_nodes_rows_and_columns_are_refused():
    table = _table()
    with pytest.raises(UnknownColumn):
        table.column("z")
    with pytest.raises(UnknownNode):
        table.rows_of(["nobody"])
    with pytest.raises(Duplicate):
        table.rows_of(["a", "a"])
    for rows, error in (([3], UnknownNode), ([-1], UnknownNode), ([1, 1], Duplicate)):
        with pytest.raises(error):
            table.check_rows(np.array(rows, dtype=np.int32))
    table.check_rows(np.array([], dtype=np.int32))
    table.check_rows(np.array([2, 0], dtype=np.int32))
