"""Finding a trace in a folder a user named.

People point at the folder of all data sets, at the one of a trace, or at a file inside it. The first two are taken; all else is
refused with what was looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydatis_core.errors import TraceRefused

__all__ = ["find", "trace_folder"]


def trace_folder(name: str, folder: Path) -> Path:
    """The folder of one trace: ``folder/name`` where that exists, else ``folder`` itself.

    Raises:
        TraceRefused: the folder is missing, is a file, or cannot be listed.
    """
    try:
        if not folder.is_dir():
            reason = "is not a folder" if folder.exists() else "does not exist"
            raise TraceRefused(f"{folder} {reason}", field="folder", expected=f"a folder that holds the trace {name}")
        inner = folder / name
        found = inner if inner.is_dir() else folder
        next(found.iterdir(), None)
    except OSError as error:
        raise TraceRefused(f"{folder} cannot be read: {error.strerror}", field="folder") from None
    return found


def find(folder: Path, patterns: Sequence[str]) -> tuple[str, list[Path]] | None:
    """The first of several patterns that matches, with its paths sorted; None: none does.

    Raises:
        TraceRefused: the folder cannot be listed.
    """
    try:
        for pattern in patterns:
            paths = sorted(folder.glob(pattern))
            if paths:
                return pattern, paths
    except OSError as error:
        raise TraceRefused(f"{folder} cannot be read: {error.strerror}", field="folder") from None
    return None
