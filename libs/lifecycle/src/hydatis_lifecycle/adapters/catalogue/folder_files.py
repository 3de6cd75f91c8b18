"""The files of a folder that is to be a dataset: everything below it but what begins with a dot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TypeVar

from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.datasets.manifest import MAX_FILES_COUNT, check_path

__all__ = ["Progress", "Tally", "bytes_of", "files_below", "in_parallel", "untold"]

Progress = Callable[[int, int, str], None]
"""Told of (bytes done, bytes in all, path)."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def untold(_done: int, _total: int, _text: str) -> None:
    """A progress that nobody watches."""


def files_below(folder: Path) -> dict[str, Path]:
    """Files of a folder by the path that a manifest gives them.

    Names that begin with a dot are passed over, folders of such names with all that is in them: they are an editor's or a
    notebook's, and no data.

    Raises:
        InvalidValue: it is no folder, a symlink or something else than a file is below it, or a path cannot be stored.
    """
    if not folder.is_dir():
        raise InvalidValue(f"{folder} is no folder", field="folder", expected="a folder with the files of the dataset")
    found: dict[str, Path] = {}
    open_folders = [(folder, "")]
    while open_folders:
        current, prefix = open_folders.pop()
        for entry in _entries(current):
            if entry.name.startswith("."):
                continue
            path = f"{prefix}{entry.name}"
            check_path(path)
            if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                raise InvalidValue("it is a link or no file", field=str(folder / path), expected="files and folders: copy it in")
            if entry.is_dir():
                open_folders.append((Path(entry.path), f"{path}/"))
            else:
                found[path] = Path(entry.path)
        if len(found) > MAX_FILES_COUNT:
            raise InvalidValue(f"{folder} has more than {MAX_FILES_COUNT} files", field="folder", expected="a dataset's folder")
    if not found:
        raise InvalidValue(f"{folder} has no files", field="folder", expected="a folder with the files of the dataset")
    return found


def bytes_of(files: Mapping[str, Path]) -> int:
    """Bytes of files, for a progress; one that has gone meanwhile has none, and is told of when it is read."""
    return sum(path.stat().st_size for path in files.values() if path.exists())


class Tally:
    """Counts bytes of several threads and tells of them."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done, self._lock = 0, Lock()

    def told(self, path: str) -> Callable[[int], None]:
        """What a thread that works on a path tells its bytes to."""

        def add(count: int) -> None:
            with self._lock:
                self._done += count
                self._progress(self._done, self._total, path)

        return add


def in_parallel(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Results in the order of the items; the first error ends it, and what was not begun is not done."""
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="dataset") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as cause:
        raise InvalidValue(f"it cannot be read: {cause.strerror}", field=str(folder), expected="a readable folder") from None
