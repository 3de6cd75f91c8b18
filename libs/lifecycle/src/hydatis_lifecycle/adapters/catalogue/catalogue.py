"""The catalogue of datasets: every door to it, each with who may pass and a line of who did."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue
from sqlalchemy import Connection, Engine

from hydatis_lifecycle.adapters.catalogue import access_log, version_rows
from hydatis_lifecycle.adapters.catalogue.access_gate import AccessGate
from hydatis_lifecycle.adapters.catalogue.access_log import AccessEvent
from hydatis_lifecycle.adapters.catalogue.blobs import BlobStore, hash_file
from hydatis_lifecycle.adapters.catalogue.check_out import write_folder
from hydatis_lifecycle.adapters.catalogue.content import Content, compare
from hydatis_lifecycle.adapters.catalogue.database import BUSY_SECONDS, open_database, reading, writing
from hydatis_lifecycle.adapters.catalogue.folder_files import Progress, Tally, bytes_of, files_below, in_parallel, untold
from hydatis_lifecycle.adapters.catalogue.garbage_collection import Collected, collect
from hydatis_lifecycle.adapters.catalogue.registration import Proposal, Registration, content_of_folder, content_of_version
from hydatis_lifecycle.datasets.access import AccessPolicy, Action
from hydatis_lifecycle.datasets.difference import DatasetDifference
from hydatis_lifecycle.datasets.garbage import StoredVersion, versions_to_retire
from hydatis_lifecycle.datasets.manifest import DatasetManifest, check_dataset_name
from hydatis_lifecycle.datasets.registered_version import RegisteredVersion, check_reading, inherited_metadata, key_of
from hydatis_lifecycle.datasets.verification import Verification, compare_files

__all__ = ["Catalogue"]

_CHECK_OUT = "check-out"


class Catalogue:
    """Datasets by name and version.

    Args:
        url: of the database (``open_database``).
        objects: folder of the files.
        policy: who may do what.
        user: who asks.
        clock: Unix time for the access log.
        busy_seconds: how long a transaction waits for one of another process.

    Every method raises ``NotAllowed`` when the policy does not allow it, and ``DependencyUnavailable`` when the database or the
    disk does not do its part. Each leaves a line in the access log, but for lists of all datasets and of the log itself, which show
    what may be read and no more.
    """

    def __init__(
        self,
        url: str,
        objects: Path,
        policy: AccessPolicy,
        user: str,
        *,
        clock: Callable[[], float] = time.time,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self._engine: Engine = open_database(url, busy_seconds=busy_seconds)
        self._blobs = BlobStore(objects)
        self._gate = AccessGate(self._engine, policy, user, clock)

    def register(
        self,
        name: str,
        folder: Path,
        *,
        metadata: Mapping[str, str] | None = None,
        quality: Mapping[str, Any] | None = None,
        time_seconds: float,
        progress: Progress = untold,
    ) -> RegisteredVersion:
        """Makes a folder's files a version, whole or not at all; the same content again is the version it has.

        Args:
            name: of the dataset.
            folder: its files; names that begin with a dot are passed over.
            metadata: anything worth saying. ``key`` (columns that name a row, with commas) and ``unit.<column>`` have a meaning,
                and hold for later versions until they are said anew.
            quality: report of its gates, JSON values; given for content that is there already, it is the report of that version.
            time_seconds: when, Unix time.
            progress: told of bytes as they are read.

        Raises:
            InvalidValue: no name of a dataset, or a folder that cannot be one.
            TraceRefused: a Parquet file that is not whole; the message names it.
        """
        check_dataset_name(name)
        reason = self._gate.require(Action.REGISTER, name)
        proposal = Proposal(name, dict(metadata or {}), quality, self._gate.user, time_seconds)
        return self._registration(reason).run(proposal, Path(folder), progress)

    def keep_quality(self, name: str, version: str, quality: Mapping[str, Any]) -> RegisteredVersion:
        """Keeps the report of a check beside the version it is of, in the place of an earlier one.

        Args:
            quality: JSON values, as ``QualityReport.to_json`` gives them.

        Raises:
            InvalidValue: there is no such version.
        """
        reason = self._gate.require(Action.REGISTER, name, version)
        with writing(self._engine) as connection:
            found = self._find(connection, name, version)[1]
            kept = version_rows.keep_quality(connection, found, quality)
            self._gate.log(connection, Action.REGISTER.value, name, version, reason)
        return kept

    def get(self, name: str, version: str | None = None) -> RegisteredVersion:
        """A version, the newest when none is named.

        Raises:
            InvalidValue: there is none.
        """
        return self._read(name, version)[0]

    def manifest(self, name: str, version: str | None = None) -> DatasetManifest:
        """Files of a version.

        Raises:
            InvalidValue: there is none.
        """
        return self._read(name, version)[1]

    def versions(self, name: str, limit: int | None = None) -> tuple[RegisteredVersion, ...]:
        """Versions of a dataset, newest first; empty when there are none."""
        reason = self._gate.require(Action.READ, name)
        with reading(self._engine) as connection:
            found = version_rows.versions_of(connection, name, limit)
        self._gate.log_now(Action.READ.value, name, "", reason)
        return found

    def datasets(self) -> tuple[tuple[RegisteredVersion, int], ...]:
        """Every dataset that may be read: its newest version, and how many there are."""
        with reading(self._engine) as connection:
            found = version_rows.newest_of_each(connection)
        return tuple(one for one in found if self._gate.may(Action.READ, one[0].name))

    def difference(self, name: str, before: str, after: str | None = None) -> DatasetDifference:
        """What a dataset became from one version to another (None: the newest).

        Raises:
            InvalidValue: there is no such version.
        """
        old, new = self._read(name, before), self._read(name, after)
        return compare(self._content(*old), self._content(*new), key_of(new[0].metadata))

    def preview(
        self,
        name: str,
        folder: Path,
        *,
        metadata: Mapping[str, str] | None = None,
        time_seconds: float,
        progress: Progress = untold,
    ) -> RegisteredVersion:
        """What a folder would be, were it registered now: ``created`` when that is a new version. Nothing is stored.

        Raises:
            InvalidValue: no name of a dataset, or a folder that cannot be one.
            TraceRefused: a Parquet file that is not whole; the message names it.
        """
        check_dataset_name(name)
        reason = self._gate.require(Action.READ, name)
        with reading(self._engine) as connection:
            found = version_rows.find(connection, name, None)
        self._gate.log_now(Action.READ.value, name, found[1].version if found else "", reason)
        said = inherited_metadata(found[1].metadata if found else {}, metadata or {})
        content = content_of_folder(Path(folder), said, progress)
        check_reading(metadata or {}, content.schema)
        return self._registration("").decide(Proposal(name, said, None, self._gate.user, time_seconds), content)

    def check_out(self, name: str, version: str | None, folder: Path, progress: Progress = untold) -> RegisteredVersion:
        """Writes a version's files to a new folder, whole or not at all: copies, which may be changed.

        Raises:
            InvalidValue: there is no such version, or something of that name is there.
            ArtifactRefused: an object is missing or was changed.
        """
        found, manifest = self._read(name, version, _CHECK_OUT)
        write_folder(manifest, self._blobs, Path(folder), progress)
        return found

    def verify(
        self, name: str, version: str | None = None, folder: Path | None = None, progress: Progress = untold
    ) -> Verification:
        """Hashes the objects of a version, or a folder that claims to be it.

        Raises:
            InvalidValue: there is no such version or folder.
        """
        manifest = self._read(name, version)[1]
        if folder is None:
            places = {entry.path: self._blobs.path_of(entry.sha256) for entry in manifest.files}
            files = {path: file for path, file in places.items() if file.exists()}
        else:
            files = files_below(Path(folder))
        tally = Tally(bytes_of(files), progress)
        digests = in_parallel(lambda item: hash_file(item[1], tally.told(item[0]))[0], files.items())
        return compare_files(manifest, dict(zip(files, digests, strict=True)))

    def delete(self, name: str, version: str) -> None:
        """Retires a version: its number is not given again, its files go with the next garbage collection.

        Raises:
            InvalidValue: there is no such version.
        """
        reason = self._gate.require(Action.DELETE, name, version)
        with writing(self._engine) as connection:
            self._find(connection, name, version)
            self._retire(connection, name, version, reason)

    def collect_garbage(
        self,
        *,
        keep_count: int | None = None,
        keep_seconds: float = 0.0,
        used_digests: Collection[str] = (),
        dry_run: bool = False,
        wait_seconds: float = 60.0,
    ) -> Collected:
        """Retires old versions, if that is wished, and removes objects that no version names.

        Args:
            keep_count: of each dataset that may be deleted from, the newest that stay; None: none is retired.
            keep_seconds: younger versions stay.
            used_digests: root digests that stay, since something was made from them.
            dry_run: only say what would go.
            wait_seconds: for registrations that are under way.
        """

        def choose(live: tuple[StoredVersion, ...]) -> tuple[StoredVersion, ...]:
            if keep_count is None:
                return ()
            mine = [one for one in live if self._gate.may(Action.DELETE, one.dataset)]
            age = {"keep_seconds": keep_seconds, "now_seconds": self._gate.now()}
            return versions_to_retire(mine, keep_count=keep_count, used_digests=used_digests, **age)

        def retire(connection: Connection, one: StoredVersion) -> None:
            self._retire(connection, one.dataset, one.version, f"garbage: not of the newest {keep_count}")

        return collect(self._engine, self._blobs, choose, retire, dry_run=dry_run, wait_seconds=wait_seconds)

    def access_events(self, name: str | None = None, limit: int = 50) -> tuple[AccessEvent, ...]:
        """The last lines of the access log about what may be read, newest first."""
        with reading(self._engine) as connection:
            found = access_log.events(connection, name, limit)
        return tuple(one for one in found if self._gate.may(Action.READ, one.dataset))

    def _read(self, name: str, version: str | None, doing: str = Action.READ.value) -> tuple[RegisteredVersion, DatasetManifest]:
        reason = self._gate.require(Action.READ, name, version or "", doing)
        with reading(self._engine) as connection:
            row_id, found = self._find(connection, name, version)
            manifest = version_rows.manifest_of(connection, row_id)
        self._gate.log_now(doing, name, found.version, reason)
        return found, manifest

    def _find(self, connection: Connection, name: str, version: str | None) -> tuple[int, RegisteredVersion]:
        found = version_rows.find(connection, name, version)
        if found is None:
            shown = f"there is no {name} {version}" if version else f"there is no dataset {name}"
            raise InvalidValue(shown, field="version" if version else "name", expected="one that `hydatis data list` shows")
        return found

    def _registration(self, reason: str) -> Registration:
        def log(connection: Connection, version: RegisteredVersion) -> None:
            self._gate.log(connection, Action.REGISTER.value, version.name, version.version, reason)

        return Registration(self._engine, self._blobs, log)

    def _content(self, version: RegisteredVersion, manifest: DatasetManifest) -> Content:
        return content_of_version(version, manifest, self._blobs)

    def _retire(self, connection: Connection, name: str, version: str, reason: str) -> None:
        version_rows.retire(connection, name, version, self._gate.now())
        self._gate.log(connection, Action.DELETE.value, name, version, reason)
