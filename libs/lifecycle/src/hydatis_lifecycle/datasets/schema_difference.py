"""How two schemas differ, and which of the differences break a reader.

A reader breaks when a column that it asks for is gone, holds a smaller or another type, or counts in another unit; it does not when
there is more than before. The table below is that sentence; everything else of the module finds what it applies to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from hydatis_lifecycle.datasets.schema import Column, Columns, Schema, ending_of
from hydatis_lifecycle.versions import Change

__all__ = ["CHANGE_OF", "SchemaDifference", "SchemaEvent", "schema_differences"]


class SchemaEvent(Enum):
    """What can become of a table or of a column."""

    TABLE_REMOVED = "table removed"
    """No file with its columns is left."""
    TABLE_ADDED = "table added"
    COLUMN_REMOVED = "column removed"
    """Or renamed: a reader cannot tell."""
    COLUMN_ADDED = "column added"
    TYPE_CHANGED = "type changed"
    """Narrowed, or to another kind: a value may not fit."""
    TYPE_WIDENED = "type widened"
    """Every value of before fits."""
    UNIT_CHANGED = "unit changed"
    NULLS_ALLOWED = "nulls allowed"
    """Values may be absent that never were."""
    NULLS_EXCLUDED = "nulls excluded"


CHANGE_OF: dict[SchemaEvent, Change] = {
    SchemaEvent.TABLE_REMOVED: Change.MAJOR,
    SchemaEvent.COLUMN_REMOVED: Change.MAJOR,
    SchemaEvent.TYPE_CHANGED: Change.MAJOR,
    SchemaEvent.UNIT_CHANGED: Change.MAJOR,
    SchemaEvent.NULLS_ALLOWED: Change.MAJOR,
    SchemaEvent.TABLE_ADDED: Change.MINOR,
    SchemaEvent.COLUMN_ADDED: Change.MINOR,
    SchemaEvent.TYPE_WIDENED: Change.MINOR,
    SchemaEvent.NULLS_EXCLUDED: Change.PATCH,
}

_NUMBER = re.compile(r"(int|uint)(8|16|32|64)|halffloat|float|double")
_FLOAT_BITS = {"halffloat": 16, "float": 32, "double": 64}


#: Columns of a file and the ending of its name: what makes it a partition of a table.
_Kind = tuple[Columns, str]


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """One event of one table."""

    event: SchemaEvent
    path: str
    """Of the file that shows it; of a table, its first."""
    column: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        where = f" {self.column} of {self.path}" if self.column else f" {self.path}"
        turned = f": {self.before or 'not said'} -> {self.after or 'not said'}" if self.before or self.after else ""
        return f"{self.event.value}{where}{turned}"


def schema_differences(before: Schema, after: Schema) -> tuple[SchemaDifference, ...]:
    """Events from one schema to the next; an event that many partitions of a table share stands once.

    A file of the same path is compared column by column. A path that is gone removes its table only when no file that is left has
    its columns (as a partition has, or the file under another name); one that is new adds a table likewise.
    """
    paths_before = {path: table.columns for table in before.tables for path in table.paths}
    paths_after = {path: table.columns for table in after.tables for path in table.paths}
    found: dict[tuple[SchemaEvent, str, str, str], SchemaDifference] = {}
    for path in sorted(paths_before.keys() & paths_after.keys()):
        for difference in _column_differences(path, paths_before[path], paths_after[path]):
            found.setdefault((difference.event, difference.column, difference.before, difference.after), difference)
    differences = list(found.values())
    kinds_left = {(columns, ending_of(path)) for path, columns in paths_after.items()}
    differences += _tables(SchemaEvent.TABLE_REMOVED, paths_before, paths_after, lambda kind: _is_covered(kind, kinds_left))
    kinds_known = {(columns, ending_of(path)) for path, columns in paths_before.items()}
    differences += _tables(SchemaEvent.TABLE_ADDED, paths_after, paths_before, kinds_known.__contains__)
    return tuple(differences)


def is_wider(before: str, after: str) -> bool:
    """Whether every value of one Arrow type fits another, of the same kind of number or text.

    >>> is_wider("int32", "int64"), is_wider("uint32", "int64"), is_wider("double", "float"), is_wider("int32", "double")
    (True, True, False, False)
    """
    if (before, after) in {("string", "large_string"), ("binary", "large_binary")}:
        return True
    if not _NUMBER.fullmatch(before) or not _NUMBER.fullmatch(after):
        return False
    if before in _FLOAT_BITS and after in _FLOAT_BITS:
        return _FLOAT_BITS[before] < _FLOAT_BITS[after]
    if before in _FLOAT_BITS or after in _FLOAT_BITS:
        return False  # whole numbers that become real ones may be absent or broken: another kind
    signs = before[0] == "u", after[0] == "u"
    return signs in {(True, True), (False, False), (True, False)} and int(before.lstrip("uint")) < int(after.lstrip("uint"))


def _tables(
    event: SchemaEvent, these: Mapping[str, Columns], those: Mapping[str, Columns], is_known: Callable[[_Kind], bool]
) -> list[SchemaDifference]:
    """An event for each kind of file that only these paths have, told of its first path."""
    first: dict[_Kind, str] = {}
    for path in sorted(these.keys() - those.keys()):
        first.setdefault((these[path], ending_of(path)), path)
    return [SchemaDifference(event, path) for kind, path in first.items() if not is_known(kind)]


def _is_covered(kind: _Kind, kinds: Collection[_Kind]) -> bool:
    """Whether some kind of file of the same ending has all columns of this one."""
    columns, ending = kind
    return any(ending == other_ending and set(columns) <= set(others) for others, other_ending in kinds)


def _column_differences(path: str, before: Columns, after: Columns) -> Iterator[SchemaDifference]:
    names_before, names_after = {one.name: one for one in before}, {one.name: one for one in after}
    for name in sorted(names_before.keys() - names_after.keys()):
        yield SchemaDifference(SchemaEvent.COLUMN_REMOVED, path, name)
    for name in sorted(names_after.keys() - names_before.keys()):
        yield SchemaDifference(SchemaEvent.COLUMN_ADDED, path, name)
    for name in sorted(names_before.keys() & names_after.keys()):
        yield from _changes(path, names_before[name], names_after[name])


def _changes(path: str, before: Column, after: Column) -> Iterator[SchemaDifference]:
    name = before.name
    if before.type != after.type:
        event = SchemaEvent.TYPE_WIDENED if is_wider(before.type, after.type) else SchemaEvent.TYPE_CHANGED
        yield SchemaDifference(event, path, name, before.type, after.type)
    if before.unit and before.unit != after.unit:  # a unit that is said for the first time changes no number
        yield SchemaDifference(SchemaEvent.UNIT_CHANGED, path, name, before.unit, after.unit)
    if before.nullable != after.nullable:
        yield SchemaDifference(SchemaEvent.NULLS_ALLOWED if after.nullable else SchemaEvent.NULLS_EXCLUDED, path, name)
