"""Parquet and delimited text into arrays: the only module that knows pyarrow.

Whatever is wrong with a file ends as one sentence that names file, column and rule, because a user with a half-finished download
must not have to read a stack trace of a library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from hydatis_core.errors import TraceRefused
from numpy.typing import NDArray

__all__ = ["Columns", "TextBlock", "check_columns", "column_names", "column_range", "read_coded", "read_parquet", "read_text"]

#: Columns by name: numbers as they are stored (float64 with NaN where a number is missing), text as objects.
Columns = dict[str, NDArray[Any]]

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def check_columns(path: Path, present: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuses a file that lacks a column.

    Raises:
        TraceRefused: names the file and the columns.
    """
    missing = [name for name in wanted if name not in present]
    if missing:
        raise TraceRefused(f"{path} lacks column {', '.join(missing)}", field=missing[0], expected=f"columns {', '.join(wanted)}")


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise TraceRefused(f"{path} cannot be read as Parquet: {_first_line(error)}", field=path.name) from None


def column_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file, in file order.

    Raises:
        TraceRefused: not a Parquet file, or damaged.
    """
    return list(_open(path).schema_arrow.names)


def read_parquet(path: Path, columns: Sequence[str], filters: list[Any] | None = None) -> Columns:
    """Columns of a Parquet file, rows in file order.

    Args:
        path: the file.
        columns: what to read.
        filters: (column, operator, value), all of which must hold; row groups that cannot hold a match are not read.

    Raises:
        TraceRefused: not a Parquet file, damaged, or without one of the columns.
    """
    check_columns(path, _open(path).schema_arrow.names, columns)
    try:
        table = pq.read_table(path, columns=list(columns), filters=filters, partitioning=None)
        return {name: _array(table[name]) for name in columns}
    except (pa.ArrowException, OSError) as error:
        raise TraceRefused(f"{path} is damaged: {_first_line(error)}", field=path.name) from None


def read_coded(
    path: Path, columns: Sequence[str], coded: str, filters: list[Any] | None = None
) -> tuple[Columns, NDArray[np.int64], list[str]]:
    """As ``read_parquet``, with one column of text as codes, because millions of Python strings are slow and large.

    Args:
        path: the file.
        columns: what else to read.
        coded: the column of text.
        filters: as in ``read_parquet``.

    Returns:
        The other columns; shape (rows,), the code of each row; the texts that occur, sorted, by code.

    Raises:
        TraceRefused: as ``read_parquet``.
    """
    check_columns(path, _open(path).schema_arrow.names, [*columns, coded])
    try:
        table = pq.read_table(path, columns=[*columns, coded], filters=filters, partitioning=None)
        chunk: Any = table[coded].cast(pa.string()).combine_chunks().dictionary_encode()
    except (pa.ArrowException, OSError) as error:
        raise TraceRefused(f"{path} is damaged: {_first_line(error)}", field=path.name) from None
    if isinstance(chunk, pa.ChunkedArray):
        chunk = chunk.unify_dictionaries().chunk(0)
    texts = np.array(chunk.dictionary.to_pylist(), dtype=object)
    order = np.argsort(texts)
    codes = np.argsort(order)[np.asarray(chunk.indices.to_numpy(zero_copy_only=False), dtype=np.int64)]
    return {name: _array(table[name]) for name in columns}, codes, [str(text) for text in texts[order]]


def column_range(path: Path, column: str) -> tuple[float, float]:
    """Smallest and largest value of a column of numbers, from the file's statistics.

    Raises:
        TraceRefused: not a Parquet file, without the column, or without a row.
    """
    file = _open(path)
    check_columns(path, file.schema_arrow.names, [column])
    position = file.schema_arrow.names.index(column)
    groups = [file.metadata.row_group(i).column(position).statistics for i in range(file.num_row_groups)]
    known: list[Any] = [(group.min, group.max) for group in groups if group is not None and group.has_min_max]
    if known and len(known) == len(groups):
        return float(min(g[0] for g in known)), float(max(g[1] for g in known))
    values = read_parquet(path, [column])[column]
    if not values.size:
        raise TraceRefused(f"{path} has no row", field=path.name, expected="at least two samples")
    return float(values.min()), float(values.max())


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Some lines of a text file."""

    columns: Columns
    """Numbers as float64, empty cells NaN; text as objects."""
    unparsable_count: int
    """Lines set aside: another number of fields, or something that is no number where one must be."""


def read_text(
    path: Path, names: Sequence[str], *, keep: Sequence[str], text: Sequence[str] = (), delimiter: str = ",", skip_lines: int = 0
) -> Iterator[TextBlock]:
    """A delimited text file, block by block.

    Args:
        path: the file.
        names: names of all its columns in order.
        keep: columns wanted.
        text: which of them are text; the others are numbers.
        delimiter: between fields; white space around numbers is ignored.
        skip_lines: lines of header.

    Raises:
        TraceRefused: the file cannot be read as text.
    """
    bad_lines: list[int] = []

    def set_aside(row: Any) -> Literal["skip"]:
        bad_lines.append(row.number or 0)
        return "skip"

    try:
        reader = pa_csv.open_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=list(names), skip_rows=skip_lines, use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=set_aside),
            convert_options=pa_csv.ConvertOptions(include_columns=list(keep), column_types=dict.fromkeys(keep, pa.string())),
        )
        reported = 0
        for batch in reader:
            block = _parse(batch, keep, text)
            yield TextBlock(block.columns, block.unparsable_count + len(bad_lines) - reported)
            reported = len(bad_lines)
    except (pa.ArrowException, OSError) as error:
        if "Empty CSV" in str(error) or path.stat().st_size == 0:
            return
        raise TraceRefused(f"{path} cannot be read as text: {_first_line(error)}", field=path.name) from None


def _parse(batch: Any, keep: Sequence[str], text: Sequence[str]) -> TextBlock:
    # Typed Any: the stubs of compute know fewer overloads than it has.
    good: Any = pa.array(np.ones(batch.num_rows, dtype=np.bool_))
    trimmed: dict[str, Any] = {}
    for name in keep:
        trimmed[name] = pc.utf8_trim_whitespace(batch.column(batch.schema.get_field_index(name)))
        if name not in text:
            empty = pc.equal(trimmed[name], pa.scalar(""))
            good = pc.and_(good, pc.or_(empty, pc.match_substring_regex(trimmed[name], _NUMBER)))
            trimmed[name] = pc.if_else(empty, pa.scalar(None, pa.string()), trimmed[name])
    columns = {}
    for name, column in trimmed.items():
        kept = pc.filter(column, good)
        columns[name] = _array(kept) if name in text else np.asarray(_array(pc.cast(kept, pa.float64())), dtype=np.float64)
    return TextBlock(columns, batch.num_rows - int(good.true_count))


def _array(column: Any) -> NDArray[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return np.asarray(column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy())


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
