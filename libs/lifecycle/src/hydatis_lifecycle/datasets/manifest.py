"""The manifest of a dataset's version: its files by digest, and one digest for all of them.

The root digest names the content and nothing else: no time, no machine, no name of the dataset. Anybody can compute it without us::

    find . -type f -not -path '*/.*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum

So a manifest says whether a folder is that version, whoever made the folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from hydatis_core.errors import Duplicate, InvalidValue

__all__ = ["MAX_FILES_COUNT", "DatasetManifest", "FileEntry", "check_dataset_name", "check_path"]

#: The most files of a version: more are a sign that the wrong folder was named.
MAX_FILES_COUNT = 100_000

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(/[a-z0-9][a-z0-9._-]{0,31})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a version."""

    path: str
    """Below the dataset's folder, with ``/``."""
    sha256: str
    """64 hexadecimal digits."""
    bytes_count: int
    rows_count: int | None = None
    """None: the file is bytes alone."""


@dataclass(frozen=True, slots=True)
class DatasetManifest:
    """Every file of a version.

    Raises:
        InvalidValue: no file, too many, or a path or a digest that is none.
        Duplicate: a path stands twice.
    """

    files: tuple[FileEntry, ...]
    """Sorted by the bytes of their paths."""

    def __post_init__(self) -> None:
        if not 0 < len(self.files) <= MAX_FILES_COUNT:
            raise InvalidValue(f"{len(self.files)} files", field="folder", expected=f"1 to {MAX_FILES_COUNT} files")
        for entry in self.files:
            check_path(entry.path)
            if not _SHA256.fullmatch(entry.sha256):
                raise InvalidValue(f"{entry.sha256[:80]!r} is no digest", field=entry.path, expected="64 hexadecimal digits")
        paths = [entry.path for entry in self.files]
        if len(set(paths)) != len(paths):
            raise Duplicate("a path stands twice", field=next(path for path in paths if paths.count(path) > 1), expected="once")

    @classmethod
    def of(cls, files: Iterable[FileEntry]) -> DatasetManifest:
        """The manifest of files in any order."""
        return cls(tuple(sorted(files, key=lambda entry: entry.path.encode())))

    @property
    def digest(self) -> str:
        """Root digest: ``sha256:`` and the SHA-256 of the lines ``<sha256>  <path>\\n``, as sha256sum prints them."""
        root = hashlib.sha256()
        for entry in self.files:
            root.update(f"{entry.sha256}  {entry.path}\n".encode())
        return f"sha256:{root.hexdigest()}"

    @property
    def bytes_count(self) -> int:
        """Of all files."""
        return sum(entry.bytes_count for entry in self.files)

    @property
    def rows_count(self) -> int | None:
        """Of all files that have rows; None: none has."""
        counted = [entry.rows_count for entry in self.files if entry.rows_count is not None]
        return sum(counted) if counted else None

    def by_path(self) -> dict[str, FileEntry]:
        """Files by their paths."""
        return {entry.path: entry for entry in self.files}


def check_path(path: str) -> None:
    """Refuses a path that could leave its folder, or that two systems would read differently.

    Raises:
        InvalidValue: it is such a path.
    """
    parts = path.split("/")
    plain = path.isprintable() and "\\" not in path and 0 < len(path) <= 512 and all(part and part[0] != "." for part in parts)
    if not plain:
        raise InvalidValue(
            f"{path[:80]!r} cannot be stored", field="path", expected="printable, no backslash, no part with a dot first"
        )


def check_dataset_name(name: str) -> None:
    """Refuses a text that cannot name a dataset.

    Raises:
        InvalidValue: it is no name.
    """
    if not _NAME.fullmatch(name):
        shown = f"{name[:80]!r} is no name of a dataset"
        raise InvalidValue(shown, field="name", expected="lower-case letters, digits, . _ -, and at most one /: team/bitbrains")
