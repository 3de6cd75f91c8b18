"""How a folder becomes a version: files first, then one transaction that names them.

Until the transaction ends nobody sees anything, and once it ended everything is there: whatever kills the process in between leaves
objects without a name at worst. The folder may change while it is read; what is checked, compared and named are the copies.

Registrations of one dataset run side by side. Each compares with the newest version it sees and asks again, inside its transaction,
whether that is still the newest; if not, it compares anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue, TooLate
from sqlalchemy import Connection, Engine

from hydatis_lifecycle.adapters.catalogue import version_rows
from hydatis_lifecycle.adapters.catalogue.blobs import BlobStore, hash_file
from hydatis_lifecycle.adapters.catalogue.content import Content, compare
from hydatis_lifecycle.adapters.catalogue.database import reading, writing
from hydatis_lifecycle.adapters.catalogue.folder_files import Progress, Tally, bytes_of, files_below, in_parallel
from hydatis_lifecycle.adapters.catalogue.parquet_files import is_parquet, read_columns
from hydatis_lifecycle.datasets.manifest import DatasetManifest, FileEntry
from hydatis_lifecycle.datasets.registered_version import RegisteredVersion, check_reading, inherited_metadata, key_of, units_of
from hydatis_lifecycle.datasets.schema import Columns
from hydatis_lifecycle.versions import Change, next_version

__all__ = ["Proposal", "Registration", "content_of_folder", "content_of_version"]

_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a registration is asked to make."""

    name: str
    metadata: Mapping[str, str]
    quality: Mapping[str, Any] | None
    user: str
    time_seconds: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a decision rests on: the version compared with, and the last name that was given."""

    row_id: int | None
    last_name: str | None


@dataclass(frozen=True, slots=True)
class _Incoming:
    entry: FileEntry
    columns: Columns
    copy: Path


class Registration:
    """Registers folders in a database and a store.

    Args:
        engine: the database.
        blobs: the store.
        log: writes the line of the access log, in the transaction that makes the version.
    """

    def __init__(self, engine: Engine, blobs: BlobStore, log: Callable[[Connection, RegisteredVersion], None]) -> None:
        self._engine, self._blobs, self._log = engine, blobs, log

    def run(self, proposal: Proposal, folder: Path, progress: Progress) -> RegisteredVersion:
        """The version that a folder is: a new one, or the one that has its content already.

        Raises:
            InvalidValue, TraceRefused: the folder cannot be a dataset, or is not what its metadata say; nothing was stored.
            DependencyUnavailable: the disk is full, or the database is locked; no version was made.
            TooLate: others register this dataset all the time.
        """
        files = files_below(folder)
        if self._blobs.folder.resolve().is_relative_to(folder.resolve()):
            shown = f"{folder} holds the catalogue's own objects"
            raise InvalidValue(shown, field="folder", expected="a folder of data, beside the state folder or in it")
        tally = Tally(bytes_of(files), progress)
        with self._blobs.adding() as staging:
            with reading(self._engine) as connection:
                found = version_rows.find(connection, proposal.name, None)
            metadata = inherited_metadata(found[1].metadata if found else {}, proposal.metadata)

            def take(item: tuple[str, Path]) -> _Incoming:
                path, source = item
                copy, sha256, size = self._blobs.stage(source, staging, tally.told(path))
                columns, rows = read_columns(copy, path, units_of(metadata)) if is_parquet(path) else ((), None)
                return _Incoming(FileEntry(path, sha256, size, rows), columns, copy)

            incoming = in_parallel(take, files.items())
            manifest = DatasetManifest.of(one.entry for one in incoming)
            digests = {one.entry.path: one.entry.sha256 for one in incoming}
            content = Content.of(
                manifest, {one.entry.path: one.columns for one in incoming}, lambda path: self._blobs.path_of(digests[path])
            )
            check_reading(proposal.metadata, content.schema)
            for one in incoming:
                self._blobs.adopt(one.copy, one.entry.sha256)
            self._blobs.sync_names(digests.values())
            for _ in range(_ATTEMPTS):
                registered = self._attempt(replace(proposal, metadata=metadata), content)
                if registered is not None:
                    return registered
        raise TooLate(f"others register {proposal.name} all the time", field="name", expected="fewer at once: try again")

    def decide(self, proposal: Proposal, content: Content) -> RegisteredVersion:
        """What a content would be registered as now, ``created`` when that is a new version; nothing is stored.

        Raises:
            ArtifactRefused: an object of the version before is missing.
        """
        return self._decided(proposal, content)[0]

    def _decided(self, proposal: Proposal, content: Content) -> tuple[RegisteredVersion, _Seen]:
        name, digest = proposal.name, content.manifest.digest
        with reading(self._engine) as connection:
            same = version_rows.find_content(connection, name, digest, content.schema)
            before = version_rows.find(connection, name, None)
            manifest_before = version_rows.manifest_of(connection, before[0]) if before else None
            seen = _Seen(before[0] if before else None, version_rows.newest_version_name(connection, name))
        if same is not None:
            return same[1], seen
        change = Change.MAJOR
        reasons: tuple[str, ...] = ("the first version",)
        if before is not None and manifest_before is not None:
            content_before = content_of_version(before[1], manifest_before, self._blobs)
            found = compare(content_before, content, key_of(proposal.metadata))
            change, reasons = found.change, found.reasons()
        made = RegisteredVersion(
            name=name,
            version=next_version(filter(None, [seen.last_name]), change),
            digest=digest,
            schema=content.schema,
            files_count=len(content.manifest.files),
            rows_count=content.manifest.rows_count,
            bytes_count=content.manifest.bytes_count,
            registered_seconds=proposal.time_seconds,
            registered_by=proposal.user,
            change=change,
            reasons=reasons,
            metadata=proposal.metadata,
            quality=proposal.quality,
            created=True,
        )
        return made, seen

    def _attempt(self, proposal: Proposal, content: Content) -> RegisteredVersion | None:
        """The version; None: somebody else made one while this was compared."""
        version, seen = self._decided(proposal, content)
        with writing(self._engine) as connection:
            if version.created:
                version_rows.lock_dataset(connection, version.name, proposal.time_seconds)
                if _seen(connection, version.name) != seen:
                    return None
                version_rows.insert_version(connection, version, content.manifest)
            elif proposal.quality is not None:  # content that was checked later
                version = version_rows.keep_quality(connection, version, proposal.quality)
            self._log(connection, version)
        return version


def _seen(connection: Connection, name: str) -> _Seen:
    newest = version_rows.find(connection, name, None)
    return _Seen(newest[0] if newest else None, version_rows.newest_version_name(connection, name))


def content_of_version(version: RegisteredVersion, manifest: DatasetManifest, blobs: BlobStore) -> Content:
    """The content of a registered version."""
    files = manifest.by_path()
    return Content(manifest, version.schema, lambda path: blobs.path_of(files[path].sha256))


def content_of_folder(folder: Path, metadata: Mapping[str, str], progress: Progress) -> Content:
    """The content of a folder as it would be registered; nothing is stored.

    Raises:
        InvalidValue, TraceRefused: the folder cannot be a dataset.
    """
    files = files_below(folder)
    tally = Tally(bytes_of(files), progress)

    def look(item: tuple[str, Path]) -> tuple[FileEntry, Columns]:
        path, source = item
        sha256, size = hash_file(source, tally.told(path))
        columns, rows = read_columns(source, path, units_of(metadata)) if is_parquet(path) else ((), None)
        return FileEntry(path, sha256, size, rows), columns

    seen = in_parallel(look, files.items())
    return Content.of(DatasetManifest.of(entry for entry, _ in seen), {entry.path: c for entry, c in seen}, files.__getitem__)
