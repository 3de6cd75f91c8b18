"""What a dataset became from one version to the next, and what the next version is called for it.

The version is read off the difference and never typed by hand: whoever sees 2.0.0 knows that a reader of 1.x breaks, whoever sees
1.3.0 that there is more than in 1.2, whoever sees 1.2.1 that values of 1.2.0 were wrong. The rules are the table of
``schema_difference`` and the two lines of :attr:`DatasetDifference.change`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hydatis_lifecycle.datasets.manifest import DatasetManifest
from hydatis_lifecycle.datasets.row_marks import RowCounts
from hydatis_lifecycle.datasets.schema import Schema
from hydatis_lifecycle.datasets.schema_difference import CHANGE_OF, SchemaDifference, schema_differences
from hydatis_lifecycle.versions import Change

__all__ = ["DatasetDifference", "FileChanges", "difference", "file_changes"]

_RANK = {Change.PATCH: 0, Change.MINOR: 1, Change.MAJOR: 2}


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Paths by what became of their bytes, each sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...] = ()
    """(path before, path after) of files with the same bytes; they stand in added and removed no more."""


@dataclass(frozen=True, slots=True)
class DatasetDifference:
    """From one version to the next."""

    files: FileChanges
    schema: tuple[SchemaDifference, ...] = ()
    rows: RowCounts | None = None
    """Of all Parquet files whose bytes changed, came or went; None: no such file."""
    grown: tuple[str, ...] = field(default=())
    """Files without columns to which bytes were appended and of which none before was touched."""

    @property
    def change(self) -> Change:
        """Major: the schema broke. Minor: there is more (columns, tables, files, rows, appended lines). Patch: all else."""
        by_schema = [CHANGE_OF[one.event] for one in self.schema]
        more = bool(self.files.added or self.grown or (self.rows is not None and self.rows.added))
        return max([Change.MINOR if more else Change.PATCH, *by_schema], key=_RANK.__getitem__)

    @property
    def is_empty(self) -> bool:
        """Whether the two are the same."""
        return self.files == FileChanges((), (), ()) and not self.schema

    def reasons(self) -> tuple[str, ...]:
        """The difference in sentences, what weighs most first."""
        events = sorted(self.schema, key=lambda one: -_RANK[CHANGE_OF[one.event]])
        told = [str(one) for one in events]
        if self.rows is not None:
            counts = (("added", self.rows.added), ("changed", self.rows.changed), ("removed", self.rows.removed))
            told += [f"{count:,} row{'' if count == 1 else 's'} {word}" for word, count in counts if count]
            if not any(count for _, count in counts) and not events:
                told.append("the same rows, written otherwise")
        told += [f"file added: {path}" for path in self.files.added]
        told += [f"file removed: {path}" for path in self.files.removed]
        told += [f"file moved: {before} -> {after}" for before, after in self.files.moved]
        told += [f"bytes appended: {path}" if path in self.grown else f"file changed: {path}" for path in self.files.changed]
        return tuple(told)


def file_changes(before: DatasetManifest, after: DatasetManifest) -> FileChanges:
    """Which files came, went, changed or moved."""
    old, new = before.by_path(), after.by_path()
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    moved = []
    for path in list(removed):
        target = next((one for one in added if new[one].sha256 == old[path].sha256), None)
        if target is not None:
            moved.append((path, target))
            added.remove(target)
            removed.remove(path)
    changed = sorted(path for path in old.keys() & new.keys() if old[path].sha256 != new[path].sha256)
    return FileChanges(tuple(added), tuple(removed), tuple(changed), tuple(moved))


def difference(
    before: Schema, after: Schema, files: FileChanges, rows: RowCounts | None = None, grown: tuple[str, ...] = ()
) -> DatasetDifference:
    """The whole difference, from its parts."""
    return DatasetDifference(files, schema_differences(before, after), rows, grown)
