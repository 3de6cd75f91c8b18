"""A version of a dataset as the catalogue tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.datasets.schema import Schema
from hydatis_lifecycle.versions import Change

__all__ = ["INHERITED", "RegisteredVersion", "check_reading", "inherited_metadata", "key_of", "units_of"]

#: Metadata that says how to read a dataset, which the next version has too unless it says otherwise.
INHERITED = ("key", "unit.")


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version of a dataset; what it says of itself never changes, but for the report of its quality."""

    name: str
    version: str
    digest: str
    """Root digest of its manifest, ``sha256:...``."""
    schema: Schema
    files_count: int
    rows_count: int | None
    """Of its Parquet files; None: it has none."""
    bytes_count: int
    registered_seconds: float
    """Unix time."""
    registered_by: str
    change: Change
    """From the version before; the first is major."""
    reasons: tuple[str, ...]
    """What the change was."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, Any] | None = None
    """Report of its quality gates, JSON values; None: none was made."""
    created: bool = False
    """Of an answer to a registration: whether it made this version, or found one of the same content."""


def inherited_metadata(before: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Metadata of the next version: what was said, and of the version before what still says how to read it."""
    return {name: value for name, value in before.items() if name.startswith(INHERITED)} | dict(said)


def check_reading(said: Mapping[str, str], schema: Schema) -> None:
    """Refuses metadata that speak of columns which are not there.

    Raises:
        InvalidValue: no table has all columns of the key, or none has a column whose unit is said.
    """
    tables = [{column.name for column in table.columns} for table in schema.tables]
    key = key_of(said)
    if key and not any(names.issuperset(key) for names in tables):
        raise InvalidValue(f"no table has the columns {', '.join(key)}", field="key", expected="columns of one table, with commas")
    for column in units_of(said):
        if not any(column in names for names in tables):
            raise InvalidValue("no table has the column", field=f"unit.{column}", expected="a column of the dataset")


def key_of(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the columns that name a row: ``key`` of the metadata, ``vm_id,timestamp_s``; empty when it is not said."""
    return tuple(filter(None, (name.strip() for name in metadata.get("key", "").split(","))))


def units_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """Units by column name: ``unit.<column>`` of the metadata."""
    return {name.removeprefix("unit."): unit for name, unit in metadata.items() if name.startswith("unit.")}
