"""Datasets as people and programs see them: tables of versions, columns, differences and of who did what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from hydatis_lifecycle.adapters.catalogue.access_log import AccessEvent
    from hydatis_lifecycle.datasets.difference import DatasetDifference
    from hydatis_lifecycle.datasets.manifest import DatasetManifest
    from hydatis_lifecycle.datasets.registered_version import RegisteredVersion
    from hydatis_lifecycle.datasets.schema import Schema
    from hydatis_lifecycle.datasets.verification import Verification

__all__ = [
    "access_table",
    "columns_tables",
    "datasets_table",
    "difference_figures",
    "files_table",
    "shown_bytes",
    "verification_table",
    "version_figures",
    "version_lines",
    "versions_table",
]

_SHORT_DIGEST = 12


def version_figures(version: RegisteredVersion) -> dict[str, Any]:
    """A version as JSON values."""
    return {
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "change": version.change.value,
        "reasons": list(version.reasons),
        "files_count": version.files_count,
        "rows_count": version.rows_count,
        "bytes_count": version.bytes_count,
        "registered_seconds": version.registered_seconds,
        "registered_by": version.registered_by,
        "metadata": dict(version.metadata),
        "quality": version.quality,
    }


def difference_figures(found: DatasetDifference) -> dict[str, Any]:
    """A difference as JSON values."""
    rows = found.rows
    return {
        "change": None if found.is_empty else found.change.value,
        "schema": [
            {"event": one.event.value, "path": one.path, "column": one.column, "before": one.before, "after": one.after}
            for one in found.schema
        ],
        "rows": None if rows is None else {"added": rows.added, "removed": rows.removed, "changed": rows.changed},
        "files": {
            "added": list(found.files.added),
            "removed": list(found.files.removed),
            "changed": list(found.files.changed),
            "moved": [list(pair) for pair in found.files.moved],
        },
        "grown": list(found.grown),
    }


def datasets_table(found: Iterable[tuple[RegisteredVersion, int]]) -> Table:
    """Every dataset with its newest version."""
    table = _table("dataset", "newest", "versions", "rows", "size", "registered", "digest")
    for one, count in found:
        table.add_row(one.name, one.version, str(count), *_amounts(one)[1:], shown_time(one.registered_seconds)[:10], _short(one))
    return table


def versions_table(versions: Iterable[RegisteredVersion]) -> Table:
    """Versions of a dataset, with what each changed."""
    table = _table("version", "rows", "size", "registered", "digest")
    table.add_column("what changed")
    for one in versions:
        why = "; ".join(one.reasons[:3]) + (f"; and {len(one.reasons) - 3} more" if len(one.reasons) > 3 else "")
        amounts = (*_amounts(one)[1:], shown_time(one.registered_seconds)[:16], _short(one))
        table.add_row(one.version, *amounts, f"[bold]{one.change.value}[/bold]: {escape(why)}")
    return table


def version_lines(version: RegisteredVersion) -> list[str]:
    """What a version says of itself, but for its columns and files; marked up."""
    files, rows, size = _amounts(version)
    when = f"{shown_time(version.registered_seconds)} UTC by {version.registered_by}"
    lines = [
        f"[bold]{version.name} {version.version}[/bold]  {version.digest}",
        f"{files} files, {rows} rows, {size}; registered {when}",
        f"[bold]{version.change.value}[/bold]: {escape('; '.join(version.reasons))}",
        *(escape(f"{name}: {said}") for name, said in version.metadata.items()),
    ]
    if version.quality is not None:
        lines.append(escape(f"quality: {'passed' if version.quality.get('passed') else 'see --json'}"))
    return lines


def columns_tables(schema: Schema) -> list[Table]:
    """Columns of each table of a dataset."""
    made = []
    for number, found in enumerate(schema.tables, 1):
        paths = ", ".join(found.paths[:3]) + (f" and {len(found.paths) - 3} more" if len(found.paths) > 3 else "")
        table = Table("column", "type", "unit", "may be absent", title=escape(f"table {number}: {paths}"), title_justify="left")
        for column in found.columns or ():
            table.add_row(column.name, escape(column.type), column.unit or "-", "yes" if column.nullable else "no")
        if not found.columns:
            table.add_row("[dim]bytes alone[/dim]", "", "", "")
        made.append(table)
    return made


def files_table(manifest: DatasetManifest) -> Table:
    """Files of a version."""
    table = _table("path", "rows", "size")
    table.add_column("sha256", overflow="fold")
    for entry in manifest.files:
        rows = "-" if entry.rows_count is None else f"{entry.rows_count:,}"
        table.add_row(escape(entry.path), rows, shown_bytes(entry.bytes_count), entry.sha256)
    return table


def verification_table(found: Verification) -> Table:
    """Files that are not those of the version."""
    table = _table("path", "found")
    table.add_column("sha256, expected and found", overflow="fold")
    for one in found.changed:
        table.add_row(escape(one.path), "[red]changed[/red]", f"{one.expected_sha256}\n{one.found_sha256}")
    for path in found.missing:
        table.add_row(escape(path), "[red]missing[/red]", "")
    for path in found.extra:
        table.add_row(escape(path), "[yellow]not of this version[/yellow]", "")
    return table


def access_table(events: Iterable[AccessEvent]) -> Table:
    """Who did what."""
    table = _table("when", "who", "did", "dataset", "version", "allowed")
    table.add_column("by")
    for one in events:
        allowed = "yes" if one.allowed else "[red]refused[/red]"
        told = (one.user, one.action, one.dataset, one.version or "-", allowed, escape(one.reason))
        table.add_row(shown_time(one.at_seconds), *told)
    return table


def shown_bytes(count: int) -> str:
    """A size for people, in units of 10^3.

    >>> shown_bytes(999), shown_bytes(36_623_354)
    ('999 B', '36.6 MB')
    """
    if count < 1000:
        return f"{count} B"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < size * 1000:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e12:.1f} TB"


def shown_time(seconds: float) -> str:
    """A time for people, in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def _table(*columns: str) -> Table:
    """A table whose columns are shown whole."""
    table = Table()
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _amounts(version: RegisteredVersion) -> tuple[str, str, str]:
    rows = "-" if version.rows_count is None else f"{version.rows_count:,}"
    return f"{version.files_count}", rows, shown_bytes(version.bytes_count)


def _short(version: RegisteredVersion) -> str:
    return version.digest.removeprefix("sha256:")[:_SHORT_DIGEST]
