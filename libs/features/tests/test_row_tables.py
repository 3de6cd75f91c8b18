"""Tables that grow by row number."""

import numpy as np
from hydatis_features.row_tables import as_lists, with_rows


def test_a_table_grows_with_empty_rows_and_keeps_what_it_had():
    table = with_rows(np.full((0, 2), np.nan), np.array([3]), np.array([[1.0, 2.0]]))
    table = with_rows(table, np.array([500]), np.array([[5.0, 6.0]]))
    assert table[3].tolist() == [1.0, 2.0]
    assert table[500].tolist() == [5.0, 6.0]
    assert np.isnan(table[4:500]).all()


def test_no_rows_change_nothing():
    assert with_rows(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.intp), np.zeros(0, dtype=bool), False).shape == (0,)


def test_rows_of_several_arrays_become_python_values():
    assert list(as_lists(np.array([1, 2]), np.array([[0.5], [0.25]]))) == [(1, [0.5]), (2, [0.25])]
