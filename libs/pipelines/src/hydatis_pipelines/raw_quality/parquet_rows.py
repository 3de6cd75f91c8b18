"""Rows of Parquet files in batches, so that a table of any size is checked in the memory of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hydatis_core.errors import TraceRefused
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ParquetRows"]

_BATCH_ROWS = 1 << 18


class ParquetRows:
    """One Parquet file.

    Args:
        path: the file.

    Raises:
        TraceRefused: it is none, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise self._refusal("cannot be read as Parquet", error) from None

    @property
    def rows_count(self) -> int:
        """Rows of the file."""
        return int(self._file.metadata.num_rows)

    def empty(self) -> pd.DataFrame:
        """Its columns without rows."""
        frame: pd.DataFrame = self._file.schema_arrow.empty_table().to_pandas()
        return frame

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
        """First row and columns of one batch after the other.

        Raises:
            TraceRefused: a part of the file is damaged; the rows before it are told.
        """
        row = 0
        try:
            for batch in self._file.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=False):
                yield row, {name: _array(batch.column(name)) for name in columns}
                row += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise self._refusal(f"is damaged after row {row:,}", error) from None
        if row != self.rows_count:
            raise self._refusal(f"has {row:,} rows and claims {self.rows_count:,}", None)

    def _refusal(self, what: str, error: BaseException | None) -> TraceRefused:
        why = f": {str(error).splitlines()[0][:200]}" if error is not None and str(error) else ""
        return TraceRefused(
            f"{self._path} {what}{why}", field=self._path.name, expected="the file as it was published; fetch it again"
        )


def _array(column: Any) -> NDArray[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return np.asarray(column.to_numpy(zero_copy_only=False))
