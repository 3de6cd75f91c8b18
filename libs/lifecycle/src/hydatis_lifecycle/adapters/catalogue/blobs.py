"""The files of datasets, each stored once under its own digest.

A file comes in by one pass: it is read, hashed and written beside the store in the same breath, and gets its name only when the
disk has it. So nothing under a digest is ever half, two versions that share a file share its bytes, and what a killed process
leaves is a file without a name that the next garbage collection takes away. Nobody is handed a file of the store to write to.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue

__all__ = ["BlobStore", "explained", "hash_file"]

CHUNK_BYTES = 1 << 20
_STAGING = ".staging"
_LOCK = ".lock"
#: What a full disk, a quota or a limit on file sizes answers.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Told = Callable[[int], None]
"""Told of bytes as they pass."""


class BlobStore:
    """Objects by digest, below one folder: ``<folder>/ab/<64 digits>``.

    Args:
        folder: made when something is first stored; on one disk, since names are given by renaming.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def path_of(self, sha256: str) -> Path:
        """Where an object stands, or would."""
        return self.folder / sha256[:2] / sha256

    def all(self) -> Iterator[str]:
        """Digests of all objects."""
        for shelf in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(entry.name for entry in os.scandir(shelf))

    @contextmanager
    def adding(self) -> Iterator[Path]:
        """A staging folder for files that come in; until the block ends no garbage is collected.

        Raises:
            DependencyUnavailable: the disk is full or takes no writes; nothing was added.
        """
        with explained(f"objects {self.folder}", "nothing was stored"), self._locked(fcntl.LOCK_SH):
            staging = self.folder / _STAGING / secrets.token_hex(8)
            staging.mkdir(parents=True)
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def collecting(self, wait_seconds: float) -> Iterator[None]:
        """Nothing comes in until the block ends; what killed processes left half has gone when it begins.

        Raises:
            DependencyUnavailable: files are still coming in after so many seconds.
        """
        if not self.folder.is_dir():
            yield
            return
        with explained(f"objects {self.folder}", "not all was removed"), self._locked(fcntl.LOCK_EX, wait_seconds):
            shutil.rmtree(self.folder / _STAGING, ignore_errors=True)
            yield

    def stage(self, source: Path, staging: Path, told: Told) -> tuple[Path, str, int]:
        """Copies a file into the staging folder and waits until the disk has it.

        Returns:
            (the copy, its SHA-256, its size in bytes): of the bytes that were written, whatever the source becomes meanwhile.

        Raises:
            InvalidValue: the source cannot be read, or is no regular file.
            OSError: the copy cannot be written.
        """
        copy = staging / secrets.token_hex(8)
        digest, size = hashlib.sha256(), 0
        with _opened(source) as read, copy.open("xb") as written:
            while chunk := _read(read, source):
                digest.update(chunk)
                written.write(chunk)
                size += len(chunk)
                told(len(chunk))
            written.flush()
            os.fchmod(written.fileno(), 0o444)
            os.fsync(written.fileno())
        return copy, digest.hexdigest(), size

    def adopt(self, copy: Path, sha256: str) -> None:
        """Gives a staged file its name, also where that is taken: its content is known to be right, the disk's may have decayed."""
        target = self.path_of(sha256)
        target.parent.mkdir(exist_ok=True)
        copy.replace(target)

    def sync_names(self, digests: Iterable[str]) -> None:
        """Waits until the disk has the names of these objects."""
        for shelf in {self.path_of(sha256).parent for sha256 in digests}:
            _sync_folder(shelf)
        _sync_folder(self.folder)

    def copy_out(self, sha256: str, target: Path, told: Told) -> None:
        """Writes an object to a new file that its reader may change: always a copy, never a link.

        Raises:
            ArtifactRefused: the object is missing, or is not what its name says.
            OSError: the copy cannot be written.
        """
        digest = hashlib.sha256()
        try:
            read = self.path_of(sha256).open("rb")
        except FileNotFoundError:
            raise ArtifactRefused("the object is missing", field=f"sha256:{sha256}", expected="a backup of the objects") from None
        with read, target.open("xb") as written:
            while chunk := read.read(CHUNK_BYTES):
                digest.update(chunk)
                written.write(chunk)
                told(len(chunk))
            written.flush()
            os.fsync(written.fileno())
        if digest.hexdigest() != sha256:
            shown = f"the stored object has become sha256:{digest.hexdigest()}"
            raise ArtifactRefused(
                shown, field=f"sha256:{sha256}", expected="a backup of the objects: the disk or a hand changed it"
            )

    def size(self, sha256: str) -> int:
        """Bytes of an object."""
        return self.path_of(sha256).stat().st_size

    def remove(self, sha256: str) -> None:
        """Removes an object; only while ``collecting``."""
        self.path_of(sha256).unlink()

    @contextmanager
    def _locked(self, kind: int, wait_seconds: float = 3600.0) -> Iterator[None]:
        """The kernel frees the lock of a killed process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            until = time.monotonic() + wait_seconds
            while True:
                try:
                    fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        shown = f"{self.folder} is in use by another process"
                        raise DependencyUnavailable(shown, field="objects", expected="it to end: try again then") from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)


def hash_file(path: Path, told: Told) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file.

    Raises:
        InvalidValue: it cannot be read, or is no regular file.
    """
    digest, size = hashlib.sha256(), 0
    with _opened(path) as file:
        while chunk := _read(file, path):
            digest.update(chunk)
            size += len(chunk)
            told(len(chunk))
    return digest.hexdigest(), size


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor of a regular file that is no link; a pipe that somebody put there does not hold the process."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as cause:
        raise InvalidValue(f"it cannot be read: {cause.strerror}", field=str(path), expected="a readable file, no link") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidValue("it is no regular file", field=str(path), expected="files and folders only")
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path) -> bytes:
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except OSError as cause:
        raise InvalidValue(f"it cannot be read: {cause.strerror}", field=str(path), expected="a readable file") from None


@contextmanager
def explained(place: str, outcome: str) -> Iterator[None]:
    """Turns what a disk answers into a sentence.

    Raises:
        DependencyUnavailable: with the place, what the disk said, what became of it, and what to do.
    """
    try:
        yield
    except OSError as cause:
        advice = "room on that disk, then the same command again" if cause.errno in _FULL else "a folder that takes writes"
        raise DependencyUnavailable(f"{cause.strerror}: {outcome}", field=place, expected=advice) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
