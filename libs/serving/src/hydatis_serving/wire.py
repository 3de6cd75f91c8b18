"""Matrices and row sets as bytes on the wire, and back, with the shape checked.

Repeated floats cost half the time of a decision at 5,000 nodes, so matrices travel as raw bytes; and raw bytes say nothing about
themselves, so no array leaves this module unless its length is exactly what the message claims. The rule is stated in
protos/hydatis/features/v1/features.proto: little-endian float32, row-major, NaN unknown, infinities refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = [
    "MAX_NODE_COUNT",
    "check_finite",
    "check_no_infinity",
    "matrix_from_bytes",
    "rows_from_bytes",
    "to_float32_bytes",
    "to_int32_bytes",
    "vector_from_bytes",
]

#: A table of more nodes than this is taken for a mistake, before memory is set aside for it.
MAX_NODE_COUNT = 1_000_000

_FLOAT32 = np.dtype("<f4")
_INT32 = np.dtype("<i4")


def to_float32_bytes(values: NDArray[Any]) -> bytes:
    """Values as little-endian float32, row-major."""
    return np.ascontiguousarray(values, dtype=_FLOAT32).tobytes()


def to_int32_bytes(rows: NDArray[Any]) -> bytes:
    """Rows as little-endian int32."""
    return np.ascontiguousarray(rows, dtype=_INT32).tobytes()


def matrix_from_bytes(data: bytes, row_count: int, column_count: int, *, field: str = "values") -> NDArray[np.float32]:
    """A matrix of shape (row_count, column_count), float32, read-only, sharing memory with ``data``.

    Raises:
        WrongShape: a count is negative, or the bytes are not row_count x column_count x 4.
        InvalidValue: a value is infinite.
    """
    matrix = _floats(
        data, row_count * column_count if min(row_count, column_count) >= 0 else -1, field, f"{row_count} x {column_count}"
    )
    return check_no_infinity(matrix.reshape(row_count, column_count), field=field)


def vector_from_bytes(data: bytes, count: int, *, field: str = "values") -> NDArray[np.float32]:
    """A vector of shape (count,), float32, read-only, sharing memory with ``data``.

    Raises:
        WrongShape: the count is negative, or the bytes are not count x 4.
        InvalidValue: a value is infinite.
    """
    return check_no_infinity(_floats(data, count, field, str(count)), field=field)


def rows_from_bytes(data: bytes, *, field: str = "rows") -> NDArray[np.int32]:
    """Rows, shape (count,), int32, each in 0..``MAX_NODE_COUNT`` - 1, without repeats.

    Whether they are rows of a table is for ``NodeTable.check_rows`` to say.

    Raises:
        WrongShape: the bytes are not a multiple of 4.
        InvalidValue: a row is negative, or larger than any table has.
        Duplicate: a row stands twice.
    """
    if len(data) % 4:
        raise WrongShape(f"{len(data)} bytes are not whole int32 rows", field=field, expected="a multiple of 4 bytes")
    rows = np.frombuffer(data, dtype=_INT32)
    if rows.size:
        ordered = np.sort(rows)
        for row in (int(ordered[0]), int(ordered[-1])):
            if not 0 <= row < MAX_NODE_COUNT:
                raise InvalidValue(f"{row} is not a row", field=field, expected=f"0..{MAX_NODE_COUNT - 1}")
        if (ordered[1:] == ordered[:-1]).any():
            raise Duplicate("a row stands twice", field=field, expected="rows without repeats")
    return rows


def check_finite(values: NDArray[np.float32], *, field: str = "values") -> NDArray[np.float32]:
    """The values, if all are finite.

    Raises:
        InvalidValue: one is NaN or infinite.
    """
    if not np.isfinite(values).all():
        position = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InvalidValue(f"the value at {position} is {values[position]}", field=field, expected="finite values")
    return values


def check_no_infinity(values: NDArray[np.float32], *, field: str = "values") -> NDArray[np.float32]:
    """The values, if none is infinite; NaN is allowed and means unknown.

    Raises:
        InvalidValue: one is infinite.
    """
    if np.isinf(values).any():
        position = tuple(int(i) for i in np.argwhere(np.isinf(values))[0])
        raise InvalidValue(f"the value at {position} is infinite", field=field, expected="finite values, or NaN for unknown")
    return values


def _floats(data: bytes, count: int, field: str, shape: str) -> NDArray[np.float32]:
    if count < 0 or len(data) != count * 4:
        raise WrongShape(f"{len(data)} bytes do not hold {shape} float32", field=field, expected=f"{max(count, 0) * 4} bytes")
    return np.frombuffer(data, dtype=_FLOAT32)
