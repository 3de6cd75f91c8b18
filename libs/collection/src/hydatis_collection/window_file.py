"""A window's table as a Parquet file: the same values give the same bytes, and a file is there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hydatis_core.errors import DependencyUnavailable

from hydatis_collection.courses import WindowValues
from hydatis_collection.gaps import Gap
from hydatis_collection.tables import CollectedTable
from hydatis_collection.windows import Window

__all__ = ["METADATA_KEY", "put_file", "window_bytes"]

#: Of the file's metadata: the window and its gaps, as JSON.
METADATA_KEY = b"hydatis.window"
#: What a file is called until it is whole. One writer holds the folder, so the name need not be anybody else's.
UNFINISHED = ".unfinished"


def window_bytes(table: CollectedTable, window: Window, step_seconds: int, found: WindowValues, gaps: list[Gap]) -> bytes:
    """Rows of a window by series and time, those without any value left out."""
    known = ~np.isnan(found.values).all(axis=0)
    rows, steps = np.nonzero(known)
    columns: dict[str, Any] = {"timestamp_s": pa.array(found.times[steps], pa.int64())}
    for at, label in enumerate(table.labels):
        texts = pa.array([series[at] for series in found.series], pa.string())
        columns[label] = texts.take(pa.array(rows, pa.int64())).dictionary_encode()
    for at, column in enumerate(table.columns):
        columns[column] = pa.array(found.values[at][rows, steps], pa.float32(), from_pandas=True)
    told = {"table": table.name, "start_seconds": window.start_seconds, "end_seconds": window.end_seconds}
    metadata = msgspec.json.encode(told | {"step_seconds": step_seconds, "gaps": gaps})
    written = io.BytesIO()
    whole = pa.table(columns).replace_schema_metadata({METADATA_KEY: metadata})
    pq.write_table(whole, written, compression="zstd", write_page_checksum=True)
    return written.getvalue()


def put_file(path: Path, data: bytes) -> str:
    """Writes a file beside its place and renames it; returns its SHA-256 as ``sha256:...``.

    Raises:
        DependencyUnavailable: there is no room, or the folder cannot be written to.
    """
    unfinished = path.with_name(UNFINISHED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as failure:
        unfinished.unlink(missing_ok=True)
        full = failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        shown = f"{path} cannot be written: {failure.strerror}"
        expected = "more room; the same command goes on where this one stopped" if full else "a folder that can be written to"
        raise DependencyUnavailable(shown, field="--out", expected=expected) from None
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
