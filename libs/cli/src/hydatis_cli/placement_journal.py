"""Cells that were run, on disk, line by line: what a killed benchmark had done is not done again.

A line is written in one call to a file opened for appending, so processes can share it, and a kill can only cut off the line that
was being written: that one is ignored, and its cell is run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

__all__ = ["Journal"]


class Journal(MutableMapping[str, dict[str, Any]]):
    """Figures by key of the cell.

    Args:
        path: the file; made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        text = path.read_bytes()
        if text and not text.endswith(b"\n"):
            os.write(self._file, b"\n")
        for line in text.splitlines():
            try:
                key, figures = json.loads(line)
            except ValueError:  # cut off by a kill
                continue
            self._known[key] = figures

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._known[key]

    def __setitem__(self, key: str, figures: dict[str, Any]) -> None:
        self._known[key] = figures
        os.write(self._file, (json.dumps([key, figures]) + "\n").encode())

    def __delitem__(self, key: str) -> None:
        raise TypeError("a journal forgets nothing")

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def close(self) -> None:
        """No more is written."""
        os.close(self._file)
