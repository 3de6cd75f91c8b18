"""Arrays as bytes, and what is refused."""

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_serving.wire import (
    check_finite,
    matrix_from_bytes,
    rows_from_bytes,
    to_float32_bytes,
    to_int32_bytes,
    vector_from_bytes,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

#: Timings of a shared machine are no failures, and nothing is kept between runs.
any_value = settings(deadline=None, max_examples=50, database=None)
FLOATS = st.floats(width=32, allow_infinity=False)


@any_value
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6), elements=FLOATS))
def test_a_matrix_comes_back_bit_for_bit(values):
    back = matrix_from_bytes(to_float32_bytes(values), *values.shape)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, values)


@any_value
@given(st.lists(st.integers(0, 999_999), unique=True, max_size=20))
def test_rows_come_back_in_their_order(rows):
    assert rows_from_bytes(to_int32_bytes(np.array(rows, dtype=np.int32))).tolist() == rows


def test_the_bytes_are_little_endian_and_row_major():
    assert to_float32_bytes(np.array([[1.0, 2.0], [3.0, 4.0]])).hex() == "0000803f000000400000404000008040"
    assert to_int32_bytes(np.array([1, 256])).hex() == "0100000000010000"
    strided = np.arange(6, dtype=np.float32).reshape(2, 3).T
    np.testing.assert_array_equal(matrix_from_bytes(to_float32_bytes(strided), 3, 2), strided)


def test_what_arrives_cannot_be_written_to():
    assert not matrix_from_bytes(b"\0" * 4, 1, 1).flags.writeable


@pytest.mark.parametrize(("data", "rows", "columns"), [(b"\0" * 8, 1, 1), (b"\0" * 3, 1, 1), (b"", 1, 1), (b"\0" * 4, -1, -1)])
def test_bytes_that_are_not_the_shape_are_refused_with_what_would_be_right(data, rows, columns):
    with pytest.raises(WrongShape) as refused:
        matrix_from_bytes(data, rows, columns, field="node_usage")
    assert refused.value.field == "node_usage"
    assert "bytes" in refused.value.expected


def test_infinities_are_refused_and_nan_is_not():
    with pytest.raises(InvalidValue, match=r"\(1, 0\)"):
        matrix_from_bytes(to_float32_bytes(np.array([[1.0], [np.inf]])), 2, 1)
    assert np.isnan(vector_from_bytes(to_float32_bytes(np.array([np.nan])), 1)).all()
    with pytest.raises(InvalidValue):
        check_finite(np.array([np.nan], dtype=np.float32))


@pytest.mark.parametrize(
    ("rows", "error"), [([3, 3], Duplicate), ([-1], InvalidValue), ([2**31 - 1], InvalidValue), ([1_000_000], InvalidValue)]
)
def test_rows_that_cannot_be_are_refused(rows, error):
    with pytest.raises(error):
        rows_from_bytes(to_int32_bytes(np.array(rows, dtype=np.int32)))


def test_torn_rows_are_refused():
    with pytest.raises(WrongShape, match="5 bytes"):
        rows_from_bytes(b"\0" * 5)
