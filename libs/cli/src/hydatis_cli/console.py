"""How the command speaks to people and to programs.

People get tables, progress and sentences on standard error or the terminal; programs get JSON on standard output and an exit code.
The two never mix on one stream.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydatis_core.errors import CallerError, HydatisError, TraceRefused
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["EXIT_OPERATIONAL", "EXIT_USAGE", "ProgressBar", "err", "exit_code_of", "out", "progress_bar"]

#: What people read beside the result: progress, warnings, errors.
err = Console(stderr=True)
#: The result.
out = Console(file=sys.stdout)

#: The input was wrong: running it again changes nothing.
EXIT_USAGE = 2
#: The input was right, but something needed was not there.
EXIT_OPERATIONAL = 1


def exit_code_of(error: HydatisError) -> int:
    """Exit code of an error: 2 when the caller must change something (a folder of data is the caller's too), 1 otherwise."""
    return EXIT_USAGE if isinstance(error, CallerError | TraceRefused) else EXIT_OPERATIONAL


class ProgressBar:
    """A bar that takes (done, total, text), as libraries report progress."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None)
        self._title = title

    def __call__(self, done: int, total: int, text: str) -> None:
        """Moves the bar."""
        self._progress.update(
            self._task, completed=done, total=total, description=f"{self._title} [dim]{text}[/dim]" if text else self._title
        )


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressBar]:
    """A progress bar on standard error with time spent and time left; a few plain lines when that is no terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=not err.is_terminal) as progress:
        yield ProgressBar(progress, title)
