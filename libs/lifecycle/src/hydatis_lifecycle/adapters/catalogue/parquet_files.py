"""What Parquet files say of themselves: columns, units, rows, and whether every page can be read.

A file that is truncated fails at its footer; one with a flipped byte in the middle fails only when its pages are read. So a file is
read through once before it is registered: what a version holds, it can give back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hydatis_core.errors import TraceRefused
from numpy.typing import NDArray

from hydatis_lifecycle.datasets.row_marks import RowMarks, joined, mark_rows
from hydatis_lifecycle.datasets.schema import Column, Columns, unit_of_name

__all__ = ["is_parquet", "read_columns", "read_row_marks"]

_BATCH_ROWS = 1 << 18


def is_parquet(path: str) -> bool:
    """Whether a path's ending says that it is Parquet."""
    return path.lower().endswith((".parquet", ".pq"))


def read_columns(file: Path, shown: str, units: Mapping[str, str]) -> tuple[Columns, int]:
    """Columns and rows of a file, of which every page was read.

    Args:
        file: where it stands.
        shown: what the user calls it.
        units: units that the user stated, by column name; before the file's own.

    Raises:
        TraceRefused: it is no Parquet file, or a page of it cannot be read, or a column stands twice.
    """
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            rows_count = opened.metadata.num_rows
            columns = tuple(_column(one, units) for one in opened.schema_arrow)
            read_count = sum(batch.num_rows for batch in opened.iter_batches(batch_size=_BATCH_ROWS, use_threads=True))
    except (pa.ArrowException, OSError, ValueError) as cause:
        said = " ".join(str(cause).split()).replace(str(file), "it")[:160]
        raise TraceRefused(
            f"it is not a whole Parquet file: {said}", field=shown, expected="the file made or copied anew"
        ) from None
    if read_count != rows_count:
        raise TraceRefused(
            f"it says {rows_count} rows and holds {read_count}", field=shown, expected="the file made or copied anew"
        )
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise TraceRefused("a column stands twice", field=shown, expected="names without repeats")
    return columns, rows_count


def read_row_marks(file: Path, only: Collection[str] | None, key: Sequence[str]) -> RowMarks:
    """Marks of the rows of a file that was registered.

    Args:
        file: the object.
        only: names of the columns to look at; None: all.
        key: names of the columns that name a row.
    """
    parts = []
    with pq.ParquetFile(file) as opened:
        names = [name for name in opened.schema_arrow.names if only is None or name in only]
        for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=True):
            values = {name: _values(batch.column(position)) for position, name in enumerate(batch.schema.names)}
            parts.append(mark_rows(values, batch.num_rows, key))
    return joined(parts)


def _column(field: Any, units: Mapping[str, str]) -> Column:
    said = (field.metadata or {}).get(b"unit", b"").decode("utf-8", "replace")
    return Column(field.name, str(field.type), units.get(field.name) or said or unit_of_name(field.name), field.nullable)


def _values(array: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Numbers as they are, everything else as marks of its text; and where values are absent."""
    absent = np.asarray(array.is_null())
    kind = array.type
    if pa.types.is_boolean(kind):
        return np.asarray(array.cast(pa.uint8()).fill_null(0)), absent
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(array.fill_null(0)), absent
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return np.asarray(array.cast(pa.int64() if kind.bit_width == 64 else pa.int32()).fill_null(0)), absent
    encoded = array if pa.types.is_dictionary(kind) else _text(array).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    marks = np.array([_text_mark(one) for one in texts] or [0], np.uint64)
    return marks[np.asarray(encoded.indices.fill_null(0))], absent


def _text(array: Any) -> Any:
    """As text; what Arrow cannot cast (lists, structs) as Python writes it."""
    try:
        return array.cast(pa.large_string())
    except pa.ArrowException:
        return pa.array([None if value is None else repr(value) for value in array.to_pylist()], pa.large_string())


def _text_mark(text: object) -> int:
    return int.from_bytes(blake2b(str(text).encode(), digest_size=8).digest())
