"""Files and folders that are there whole or not at all, known by their content.

A step that is killed must not leave something that the next step takes for its result. So everything is written beside its place
and renamed into it, and what is handed on is named by its digest.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from numpy.typing import NDArray

__all__ = ["digest_of", "digest_of_tree", "new_folder", "read_arrays", "write_arrays", "write_whole"]


def digest_of(path: Path) -> str:
    """``sha256:<64 hexadecimal digits>`` of a file's bytes."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def digest_of_tree(path: Path) -> str:
    """Digest of a file, or of a folder: over the names and digests of its files, wherever it lies.

    Raises:
        ArtifactRefused: there is nothing of that name.
    """
    if path.is_file():
        return digest_of(path)
    if not path.is_dir():
        raise ArtifactRefused(f"there is nothing at {path}", field=path.name, expected="what an earlier step wrote")
    files = sorted(one for one in path.rglob("*") if one.is_file())
    lines = "".join(f"{file.relative_to(path)}\0{digest_of(file)}\n" for file in files)
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def write_whole(path: Path, data: bytes) -> str:
    """Writes a file, replacing one that is there; returns its digest.

    Raises:
        DependencyUnavailable: the disk is full, or the folder cannot be written to; what was there is there still.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as failure:
        shown = f"{path} cannot be written: {failure.strerror}"
        raise DependencyUnavailable(shown, field="out", expected="a folder with room; the same command does it again") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """Writes arrays without objects as npz; equal arrays give equal bytes. Returns the digest."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return write_whole(path, buffer.getvalue())


def read_arrays(path: Path, what: str) -> dict[str, NDArray[np.generic]]:
    """The arrays of an npz.

    Raises:
        ArtifactRefused: there is no such file, or it is not an npz of plain arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise ArtifactRefused(f"there is no {what} at {path}", field=what, expected="a file that a step wrote") from None
    except Exception as cause:  # numpy and zipfile raise a dozen kinds for a broken file
        shown = f"{path} is not a {what}: {type(cause).__name__}"
        raise ArtifactRefused(shown, field=what, expected="a file that a step wrote") from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when the block ends well and is removed when it does not.

    Raises:
        InvalidValue: there is something of that name.
    """
    if path.exists():
        raise InvalidValue(f"{path} exists", field="out", expected="a folder that is not there yet")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    temporary.mkdir()
    try:
        yield temporary
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
