"""Delimited text that names its columns in its first line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydatis_core.errors import TraceRefused

from hydatis_simulator.traces.arrow import Columns, check_columns, read_text

__all__ = ["read_headed"]


def read_headed(path: Path, keep: Sequence[str], text: Sequence[str]) -> list[Columns]:
    """Columns by name, block by block.

    Args:
        path: the file.
        keep: columns wanted.
        text: which of them are text; the others are numbers.

    Raises:
        TraceRefused: the file cannot be read, lacks a column, or has a line that does not fit.
    """
    try:
        with path.open() as file:
            header = [name.strip() for name in file.readline().split(",")]
            lines_count = sum(bool(line.strip()) for line in file)
    except (OSError, UnicodeDecodeError) as error:
        raise TraceRefused(f"{path} cannot be read as text: {error}", field=path.name) from None
    check_columns(path, header, keep)
    blocks = [block.columns for block in read_text(path, header, keep=keep, text=text, skip_lines=1)]
    if sum(len(block[keep[0]]) for block in blocks) != lines_count:
        raise TraceRefused(f"{path} has lines that do not fit its header", field=path.name, expected=f"columns {', '.join(header)}")
    return blocks
