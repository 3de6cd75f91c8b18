"""The schema of a dataset: which columns a reader may count on, table by table.

A dataset is a folder, and files of equal columns are partitions of one table: a month of a trace is added as a file, and no reader
that globs for it breaks. Files that have no columns of their own (CSV, JSON, text) are known by their ending alone; what is in them
is bytes here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache

__all__ = ["Column", "Columns", "Schema", "Table", "schema_from_json", "schema_of", "schema_to_json", "unit_of_name"]

#: Endings of column names that state a unit, longest first: the convention of DESIGN and of the published traces.
_UNITS = (
    *("kib_per_s", "bytes_per_s", "per_s", "milliseconds", "ms", "seconds", "s", "bytes", "kib", "mib", "gib"),
    *("millicores", "cores", "mhz", "ratio", "frac", "pct", "count"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: str
    """As Arrow writes it: ``int64``, ``double``, ``timestamp[ms, tz=UTC]``."""
    unit: str = ""
    """What its numbers count, as the file's own field metadata (``unit``) or the ending of its name says; empty: not said."""
    nullable: bool = True
    """Whether values may be absent."""


Columns = tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Files of equal columns."""

    columns: Columns
    """In the files' order; empty for files that are bytes alone."""
    paths: tuple[str, ...]
    """Of its files, sorted."""
    ending: str
    """Of the files' names: ``.parquet``."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Every table of a dataset, ordered by the path of its first file."""

    tables: tuple[Table, ...]

    def columns_of(self, path: str) -> Columns:
        """Columns of a file; empty when it has none, or is not there."""
        return next((table.columns for table in self.tables if path in table.paths), ())


def schema_of(columns_by_path: Mapping[str, Columns]) -> Schema:
    """The schema of files, each with its columns (empty: bytes alone).

    >>> schema_of({"b.csv": (), "a.csv": ()}).tables
    (Table(columns=(), paths=('a.csv', 'b.csv'), ending='.csv'),)
    """
    groups: dict[tuple[Columns, str], list[str]] = {}
    for path, columns in sorted(columns_by_path.items()):
        groups.setdefault((columns, ending_of(path)), []).append(path)
    return Schema(tuple(Table(columns, tuple(paths), ending) for (columns, ending), paths in groups.items()))


def ending_of(path: str) -> str:
    """The ending of a path's file name in lower case, with its dot; empty when it has none."""
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :].lower() if "." in name else ""


def unit_of_name(name: str) -> str:
    """The unit that the ending of a column's name states; empty when it states none.

    >>> unit_of_name("memory_usage_kib"), unit_of_name("net_received_kib_per_s"), unit_of_name("timestamp_s"), unit_of_name("vm_id")
    ('kib', 'kib_per_s', 's', '')
    """
    return next((unit for unit in _UNITS if name.endswith(f"_{unit}")), "")


def schema_to_json(schema: Schema) -> str:
    """A schema as JSON; equal schemas give equal text."""
    return json.dumps([asdict(table) for table in schema.tables], separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=1024)
def schema_from_json(text: str) -> Schema:
    """The schema of such a text; versions of a dataset share most of theirs."""
    return Schema(
        tuple(
            Table(tuple(Column(**column) for column in table["columns"]), tuple(table["paths"]), table["ending"])
            for table in json.loads(text)
        )
    )
