"""Versions as rows of the catalogue, and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hydatis_lifecycle.adapters.catalogue.tables import dataset_files, dataset_versions, datasets
from hydatis_lifecycle.datasets.garbage import StoredVersion
from hydatis_lifecycle.datasets.manifest import DatasetManifest, FileEntry
from hydatis_lifecycle.datasets.registered_version import RegisteredVersion
from hydatis_lifecycle.datasets.schema import Schema, schema_from_json, schema_to_json
from hydatis_lifecycle.versions import Change

__all__ = [
    "find",
    "find_content",
    "insert_version",
    "keep_quality",
    "live_digests",
    "live_versions",
    "lock_dataset",
    "manifest_of",
    "newest_of_each",
    "newest_version_name",
    "retire",
    "versions_of",
]

_SELECTED = tuple(
    dataset_versions.c[name]
    for name in (
        *("id", "dataset", "version", "digest", "change", "reasons", "schema", "metadata", "quality"),
        *("files_count", "rows_count", "bytes_count", "registered_seconds", "registered_by"),
    )
)
_IS_LIVE = dataset_versions.c.deleted_seconds.is_(None)


def find(connection: Connection, name: str, version: str | None) -> tuple[int, RegisteredVersion] | None:
    """A live version with its row's number, the newest when none is named; None: there is none."""
    query = select(*_SELECTED).where(dataset_versions.c.dataset == name, _IS_LIVE)
    if version is not None:
        query = query.where(dataset_versions.c.version == version)
    return _first(connection, query.order_by(dataset_versions.c.id.desc()))


def find_content(connection: Connection, name: str, digest: str, schema: Schema) -> tuple[int, RegisteredVersion] | None:
    """The newest live version of a dataset with this content, read with the same units."""
    query = select(*_SELECTED).where(
        dataset_versions.c.digest == digest,
        dataset_versions.c.dataset == name,
        dataset_versions.c.schema == schema_to_json(schema),
        _IS_LIVE,
    )
    return _first(connection, query.order_by(dataset_versions.c.id.desc()))


def versions_of(connection: Connection, name: str, limit: int | None = None) -> tuple[RegisteredVersion, ...]:
    """Live versions of a dataset, newest first."""
    query = select(*_SELECTED).where(dataset_versions.c.dataset == name, _IS_LIVE)
    rows = connection.execute(query.order_by(dataset_versions.c.id.desc()).limit(limit)).all()
    return tuple(map(_version, rows))


def newest_of_each(connection: Connection) -> tuple[tuple[RegisteredVersion, int], ...]:
    """The newest live version of every dataset with the number of live ones, by name."""
    newest = (
        select(func.max(dataset_versions.c.id).label("id"), func.count().label("count"))
        .where(_IS_LIVE)
        .group_by(dataset_versions.c.dataset)
        .subquery()
    )
    query = select(*_SELECTED, newest.c.count).join(newest, dataset_versions.c.id == newest.c.id)
    rows = connection.execute(query.order_by(dataset_versions.c.dataset))
    return tuple((_version(row), row[-1]) for row in rows)


def newest_version_name(connection: Connection, name: str) -> str | None:
    """The last version that was given, also when it is retired: no name is given twice."""
    query = select(dataset_versions.c.version).where(dataset_versions.c.dataset == name)
    return connection.execute(query.order_by(dataset_versions.c.id.desc()).limit(1)).scalar()


def manifest_of(connection: Connection, row_id: int) -> DatasetManifest:
    """Files of a version."""
    columns = (dataset_files.c.path, dataset_files.c.sha256, dataset_files.c.bytes_count, dataset_files.c.rows_count)
    rows = connection.execute(select(*columns).where(dataset_files.c.version_id == row_id))
    return DatasetManifest.of(FileEntry(*row) for row in rows)


def lock_dataset(connection: Connection, name: str, time_seconds: float) -> None:
    """Makes a dataset's row where there is none, and has other registrations of it wait."""
    put = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(put(datasets).values(name=name, created_seconds=time_seconds).on_conflict_do_nothing())
    connection.execute(select(datasets.c.name).where(datasets.c.name == name).with_for_update())


def insert_version(connection: Connection, version: RegisteredVersion, manifest: DatasetManifest) -> None:
    """Writes a version and its files."""
    values = {
        "dataset": version.name,
        "version": version.version,
        "digest": version.digest,
        "change": version.change.value,
        "reasons": json.dumps(version.reasons),
        "schema": schema_to_json(version.schema),
        "metadata": json.dumps(dict(version.metadata), sort_keys=True),
        "quality": None if version.quality is None else json.dumps(version.quality, sort_keys=True),
        "files_count": version.files_count,
        "rows_count": version.rows_count,
        "bytes_count": version.bytes_count,
        "registered_seconds": version.registered_seconds,
        "registered_by": version.registered_by,
    }
    row_id = connection.execute(insert(dataset_versions).values(values)).inserted_primary_key
    assert row_id is not None
    files: list[dict[str, Any]] = [
        {
            "version_id": row_id[0],
            "path": entry.path,
            "sha256": entry.sha256,
            "bytes_count": entry.bytes_count,
            "rows_count": entry.rows_count,
        }
        for entry in manifest.files
    ]
    connection.execute(insert(dataset_files), files)


def keep_quality(connection: Connection, version: RegisteredVersion, quality: Mapping[str, Any]) -> RegisteredVersion:
    """Gives a version another report of its quality; returns it with the report."""
    is_one = (dataset_versions.c.dataset == version.name) & (dataset_versions.c.version == version.version)
    connection.execute(update(dataset_versions).where(is_one).values(quality=json.dumps(quality, sort_keys=True)))
    return replace(version, quality=quality)


def retire(connection: Connection, name: str, version: str, time_seconds: float) -> None:
    """Takes a version out of use; its rows stay."""
    is_one = (dataset_versions.c.dataset == name) & (dataset_versions.c.version == version)
    connection.execute(update(dataset_versions).where(is_one).values(deleted_seconds=time_seconds))


def live_versions(connection: Connection) -> tuple[StoredVersion, ...]:
    """Live versions of all datasets, each dataset's newest first."""
    columns = (
        dataset_versions.c.dataset,
        dataset_versions.c.version,
        dataset_versions.c.digest,
        dataset_versions.c.registered_seconds,
    )
    query = select(*columns).where(_IS_LIVE).order_by(dataset_versions.c.dataset, dataset_versions.c.id.desc())
    return tuple(StoredVersion(*row) for row in connection.execute(query))


def live_digests(connection: Connection, without: Collection[tuple[str, str]] = ()) -> frozenset[str]:
    """SHA-256 of every file of a live version, but for those given as (dataset, version)."""
    columns = (dataset_versions.c.dataset, dataset_versions.c.version, dataset_files.c.sha256)
    query = select(*columns).join(dataset_files, dataset_versions.c.id == dataset_files.c.version_id).where(_IS_LIVE)
    return frozenset(sha256 for dataset, version, sha256 in connection.execute(query) if (dataset, version) not in without)


def _first(connection: Connection, query: Select[Any]) -> tuple[int, RegisteredVersion] | None:
    row = connection.execute(query.limit(1)).first()
    return None if row is None else (row[0], _version(row))


def _version(row: Sequence[Any]) -> RegisteredVersion:
    """The version of a row of ``_SELECTED``; versions say much the same, so each text is parsed once."""
    _, name, version, digest, change, reasons, schema, metadata, quality, files, rows, size, at, by = row[: len(_SELECTED)]
    return RegisteredVersion(
        name=name,
        version=version,
        digest=digest,
        schema=schema_from_json(schema),
        files_count=files,
        rows_count=rows,
        bytes_count=size,
        registered_seconds=at,
        registered_by=by,
        change=Change(change),
        reasons=_reasons(reasons),
        metadata=dict(_metadata(metadata)),
        quality=None if quality is None else json.loads(quality),
    )


@lru_cache(maxsize=1024)
def _reasons(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@lru_cache(maxsize=1024)
def _metadata(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(text).items())
