"""The content of a dataset wherever it stands, and how two contents differ.

A folder that is about to be registered and a version whose files are objects are compared by the same code: both are a manifest, a
schema, and a way from a path to bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.adapters.catalogue.blobs import CHUNK_BYTES
from hydatis_lifecycle.adapters.catalogue.parquet_files import is_parquet, read_row_marks
from hydatis_lifecycle.datasets.difference import DatasetDifference, difference, file_changes
from hydatis_lifecycle.datasets.manifest import DatasetManifest
from hydatis_lifecycle.datasets.row_marks import RowCounts, RowMarks, compare_rows, joined
from hydatis_lifecycle.datasets.schema import Columns, Schema, schema_of

__all__ = ["Content", "compare"]


@dataclass(frozen=True, slots=True)
class Content:
    """Files of a dataset, and where their bytes are."""

    manifest: DatasetManifest
    schema: Schema
    file_of: Callable[[str], Path]
    """Path of the manifest -> file to read."""

    @classmethod
    def of(cls, manifest: DatasetManifest, columns: Mapping[str, Columns], file_of: Callable[[str], Path]) -> Content:
        """A content from the columns of each file."""
        return cls(manifest, schema_of(columns), file_of)


def compare(before: Content, after: Content, key: Sequence[str]) -> DatasetDifference:
    """How a content differs from the one before.

    Only files whose bytes are not in both are read. Of a Parquet file under the same path the columns that both have are compared
    (what became of the others, the schema says); rows are pooled over all files, so that rows that moved to another file are no
    change. Of any other file the bytes are: it has grown when the old ones are its beginning and end a line.

    Args:
        before: registered.
        after: registered, or about to be.
        key: names of the columns that name a row.

    Raises:
        ArtifactRefused: an object is missing.
    """
    files = file_changes(before.manifest, after.manifest)
    only = {path: _common(before.schema.columns_of(path), after.schema.columns_of(path)) for path in files.changed}
    old = [path for path in (*files.removed, *files.changed) if is_parquet(path)]
    new = [path for path in (*files.added, *files.changed) if is_parquet(path)]
    rows: RowCounts | None = None
    if old or new:
        rows = compare_rows(_marks(before, old, only, key), _marks(after, new, only, key))
    grown = tuple(path for path in files.changed if not is_parquet(path) and _has_grown(before.file_of(path), after.file_of(path)))
    return difference(before.schema, after.schema, files, rows, grown)


def _common(before: Columns, after: Columns) -> frozenset[str]:
    return frozenset(column.name for column in before) & {column.name for column in after}


def _marks(content: Content, paths: Sequence[str], only: Mapping[str, Collection[str]], key: Sequence[str]) -> RowMarks:
    return joined([read_row_marks(_present(content.file_of(path)), only.get(path), key) for path in paths])


def _has_grown(before: Path, after: Path) -> bool:
    """Whether a file is another with lines appended."""
    with _present(before).open("rb") as old, after.open("rb") as new:
        last = b"\n"
        while chunk := old.read(CHUNK_BYTES):
            if new.read(len(chunk)) != chunk:
                return False
            last = chunk[-1:]
        return last == b"\n"


def _present(file: Path) -> Path:
    if not file.exists():
        raise ArtifactRefused("the object is missing", field=f"sha256:{file.name}", expected="a backup of the objects")
    return file
