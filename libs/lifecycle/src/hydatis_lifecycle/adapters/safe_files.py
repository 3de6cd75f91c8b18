"""Files read and written without trusting their names.

A path is checked once and used later; in between somebody may swap it for a symlink. So a folder is opened once and its files are
opened relative to it, refusing links, and what was opened is asked what it is, never what the path was.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydatis_core.errors import ArtifactRefused

__all__ = ["open_folder", "read_file", "write_file"]


@contextmanager
def open_folder(path: Path | str, parent: int | None = None) -> Iterator[int]:
    """A descriptor of a folder that is no symlink.

    Args:
        path: the folder.
        parent: descriptor of the folder that ``path`` is relative to.

    Raises:
        FileNotFoundError: there is none.
        ArtifactRefused: it is a symlink or no folder.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError:
        raise ArtifactRefused("it is a symlink or no folder", field=Path(path).name, expected="a folder") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_file(folder: int, name: str, limit_bytes: int) -> bytes:
    """A regular file of an opened folder, whole.

    Args:
        folder: descriptor of its folder.
        name: file name without separators.
        limit_bytes: the most it may hold.

    Raises:
        FileNotFoundError: it is not there.
        ArtifactRefused: it is a symlink, no regular file, or longer than the limit.
    """
    try:
        # O_NONBLOCK: a pipe that somebody put there must not hold the process.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError:
        raise ArtifactRefused("it is a symlink or cannot be read", field=name, expected="a regular file") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ArtifactRefused("it is no regular file", field=name, expected="a regular file")
    with open(descriptor, "rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ArtifactRefused(f"it is longer than {limit_bytes} bytes", field=name, expected=f"at most {limit_bytes} bytes")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Writes a new file and waits until the disk has it.

    Raises:
        FileExistsError: there is one of that name.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
