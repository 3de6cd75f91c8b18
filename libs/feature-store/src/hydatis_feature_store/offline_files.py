"""The offline store: Parquet files by event time, each there whole or not at all.

A file holds every row of one generation and is named by it, so writing a generation again is seen by its name and does nothing:
whoever writes may be killed and started again at any moment. Files are written beside their place and renamed into it. Each says
what it holds by a digest, so that another cluster's or another trace's rows of the same time are refused and never taken for these.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_core.errors import DependencyUnavailable, Duplicate, InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_feature_store.stored_views import EVENT_TIME, StoredView

__all__ = ["OfflineFiles"]

Matrix = NDArray[np.float32]
_SUFFIX = ".parquet"
#: Where a file says what it holds, among the metadata of its schema.
_DIGEST = b"hydatis_rows"


class OfflineFiles:
    """Files of one view.

    Args:
        root: folder of the feature repository.
        view: what the rows are. Views of another digest have another folder: a changed meaning is never joined as the old one.
    """

    def __init__(self, root: Path, view: StoredView) -> None:
        self.view = view
        self.folder = root.resolve() / "offline" / f"{view.name}-{view.digest}"

    @property
    def pattern(self) -> str:
        """All of them, as Feast and DuckDB name them."""
        return str(self.folder / f"*{_SUFFIX}")

    def generations(self) -> list[int]:
        """Generations that are there, ascending."""
        return sorted(int(path.stem) for path in self.folder.glob(f"*{_SUFFIX}"))

    def has(self, generation: int) -> bool:
        """Whether a generation is there."""
        return self._path(generation).exists()

    def write(self, generation: int, keys: Sequence[str], rows: Matrix, columns: Sequence[str]) -> bool:
        """Writes the rows of a generation; False: it was there, and nothing was written.

        Args:
            generation: tick time, Unix seconds, > 0.
            keys: what each row is of, without repeats.
            rows: shape (keys, columns), float32; NaN: unknown.
            columns: which of the view's columns they are; those left out are unknown.

        Raises:
            Duplicate: the generation is there with other rows.
            InvalidValue: not a generation, or a value is infinite.
            WrongShape: rows are not keys x columns.
            UnknownColumn: the view has no such column.
            DependencyUnavailable: the disk takes no more; nothing of the generation is there.
        """
        positions = self.view.positions(tuple(columns))
        _check(generation, keys, rows, len(columns))
        whole = np.full((len(keys), len(self.view.names)), np.nan, dtype=np.float32)
        whole[:, positions] = rows
        digest = hashlib.sha256("\0".join(keys).encode() + whole.tobytes()).hexdigest().encode()
        if self.has(generation):
            if self._digest(generation) != digest:
                shown = f"generation {generation} is there with other rows in {self.folder}"
                raise Duplicate(shown, field="generation", expected="a repository of its own for another cluster, trace or slice")
            return False
        table = _table(self.view, generation, keys, whole).replace_schema_metadata({_DIGEST: digest})
        self._write_whole(self._path(generation), table)
        return True

    def read(self, generation: int) -> tuple[tuple[str, ...], Matrix]:
        """Keys and rows of a generation, all columns of the view.

        Raises:
            DependencyUnavailable: it is not there, or its file is damaged.
        """
        import pyarrow
        from pyarrow import parquet

        try:
            table = parquet.read_table(self._path(generation))
            values = np.column_stack([table[name].to_numpy() for name in self.view.names])
            return tuple(map(str, table[self.view.key].to_pylist())), values.astype(np.float32, copy=False)
        except (OSError, KeyError, pyarrow.ArrowException) as damage:
            raise self._damaged(generation, damage) from None

    def drop_before(self, generation: int) -> int:
        """Removes generations before one; returns how many."""
        old = [held for held in self.generations() if held < generation]
        for held in old:
            self._path(held).unlink(missing_ok=True)
        return len(old)

    def _digest(self, generation: int) -> bytes:
        import pyarrow
        from pyarrow import parquet

        try:
            return bytes((parquet.read_schema(self._path(generation)).metadata or {}).get(_DIGEST, b""))
        except (OSError, pyarrow.ArrowException) as damage:
            raise self._damaged(generation, damage) from None

    def _damaged(self, generation: int, damage: Exception) -> DependencyUnavailable:
        shown = f"{self._path(generation)} cannot be read: {damage}"
        return DependencyUnavailable(shown, field="offline", expected="a file that was written here; remove it to write it again")

    def _path(self, generation: int) -> Path:
        return self.folder / f"{generation:012d}{_SUFFIX}"

    def _write_whole(self, path: Path, table: Any) -> None:
        from pyarrow import parquet

        temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                parquet.write_table(table, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as full:
            shown = f"{path.name} cannot be written to {self.folder}: {full.strerror or full}"
            raise DependencyUnavailable(shown, field="offline", expected="a folder with room that may be written to") from None
        finally:
            temporary.unlink(missing_ok=True)


def _check(generation: int, keys: Sequence[str], rows: Matrix, columns_count: int) -> None:
    if generation <= 0:
        raise InvalidValue(f"{generation} is not a generation", field="generation", expected="a tick time > 0")
    if rows.shape != (len(keys), columns_count) or rows.dtype != np.float32:
        shown = f"{rows.dtype} rows of shape {rows.shape}"
        raise WrongShape(shown, field="rows", expected=f"float32 of shape {(len(keys), columns_count)}")
    if len(set(keys)) != len(keys):
        raise InvalidValue(f"a key stands twice in generation {generation}", field="keys", expected="keys without repeats")
    if np.isinf(rows).any():
        row, column = np.argwhere(np.isinf(rows))[0]
        shown = f"column {column} of {keys[row]!r} is infinite in generation {generation}"
        raise InvalidValue(shown, field="rows", expected="finite values, or NaN for unknown")


def _table(view: StoredView, generation: int, keys: Sequence[str], rows: Matrix) -> Any:
    import pyarrow

    time = pyarrow.scalar(generation * 1_000_000, pyarrow.timestamp("us", tz="UTC"))
    columns: dict[str, Any] = {view.key: pyarrow.array(keys, pyarrow.string()), EVENT_TIME: pyarrow.repeat(time, len(keys))}
    columns |= {name: pyarrow.array(rows[:, position]) for position, name in enumerate(view.names)}
    return pyarrow.table(columns)
