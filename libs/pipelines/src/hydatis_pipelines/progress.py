"""How a step tells how far it is, in its own process or to the one that started it.

A step knows nothing of bars and pages. It calls a function; when it runs as a process of its own, the function writes a JSON
line, and whoever started it turns the lines into calls again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TextIO

__all__ = ["Progress", "as_lines", "from_line", "scaled", "untold"]

#: Called with (steps done, steps in all, a few words).
Progress = Callable[[int, int, str], None]
_KEY = "progress"


def untold(_done: int, _total: int, _text: str) -> None:
    """Nobody wants to know."""


def as_lines(stream: TextIO) -> Progress:
    """Writes each call as one JSON line."""

    def tell(done: int, total: int, text: str) -> None:
        stream.write(json.dumps({_KEY: [done, total, text]}) + "\n")
        stream.flush()

    return tell


def from_line(line: str) -> tuple[int, int, str] | None:
    """The call that a line stands for; None: the line says something else."""
    try:
        done, total, text = json.loads(line)[_KEY]
        return int(done), int(total), str(text)
    except (ValueError, KeyError, TypeError):
        return None


def scaled(progress: Progress, first: int, last: int, total: int, prefix: str = "") -> Progress:
    """A part of a longer way: 0 of it is ``first`` of ``total``, all of it is ``last``."""

    def tell(done: int, count: int, text: str) -> None:
        share = done / count if count > 0 else 1.0
        progress(round(first + (last - first) * min(max(share, 0.0), 1.0)), total, f"{prefix}{text}")

    return tell
