"""A training set as a Parquet file: which rows are asked for, and what is written of the answer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_core.errors import DependencyUnavailable
from hydatis_feature_store.offline_files import OfflineFiles
from hydatis_feature_store.stored_views import EVENT_TIME, StoredView
from hydatis_pipelines.whole_files import write_whole
from numpy.typing import NDArray

__all__ = ["moments_of", "unknown_ratio", "write_training_set"]


def moments_of(files: OfflineFiles, first: int, last: int, every_seconds: int) -> tuple[list[str], NDArray[np.int64]]:
    """Every entity of the last generation in the span at every moment of it: keys, and a time for each.

    Raises:
        DependencyUnavailable: no generation is in the span, or its file is damaged.
    """
    held = [generation for generation in files.generations() if first <= generation <= last]
    if not held:
        shown = f"no {files.view.name} are stored from {first} to {last}"
        raise DependencyUnavailable(shown, field="offline", expected="a span with rows")
    keys, _ = files.read(held[-1])
    moments = np.arange(first, last + 1, every_seconds, dtype=np.int64)
    return list(keys) * moments.size, np.repeat(moments, len(keys))


def unknown_ratio(rows: NDArray[np.float32]) -> float:
    """Share of values that are unknown; NaN of no values."""
    return float(np.isnan(rows).mean()) if rows.size else float("nan")


def write_training_set(
    path: Path,
    view: StoredView,
    keys: list[str],
    times: NDArray[np.int64],
    rows: NDArray[np.float32],
    columns: tuple[str, ...],
) -> str:
    """Writes a training set, whole or not at all; returns the digest of the file."""
    import pyarrow
    from pyarrow import parquet

    moments = pyarrow.array(times * 1_000_000, pyarrow.timestamp("us", tz="UTC"))
    data: dict[str, Any] = {view.key: pyarrow.array(keys, pyarrow.string()), EVENT_TIME: moments}
    data |= {name: pyarrow.array(rows[:, position]) for position, name in enumerate(columns)}
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(data), buffer)
    return write_whole(path, buffer.getvalue())
