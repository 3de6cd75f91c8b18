"""NAB, the Numenta Anomaly Benchmark: single metrics of servers with windows around what was found anomalous.

Ahmad et al., Neurocomputing 2017. Scores of published detectors come with it and are given beside ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydatis_core.errors import TraceRefused
from numpy.typing import NDArray

from hydatis_simulator.labelled.headed_text import read_headed
from hydatis_simulator.traces.arrow import read_coded
from hydatis_simulator.traces.folder import trace_folder

__all__ = ["NAME", "NabSeries", "read", "read_peers"]

NAME = "nab"
_WINDOW_COLUMNS = ("series", "window_start_s", "window_end_s")
_PEER_COLUMNS = ("series", "detector", "nab_score_standard_raw")


@dataclass(frozen=True)
class NabSeries:
    """One series."""

    name: str
    times_seconds: NDArray[np.int64]
    """shape (n,), in file order; a clock change may repeat some."""
    values: NDArray[np.float32]
    """shape (n,), float32; NaN unknown."""
    windows: tuple[tuple[int, int], ...]
    """(first row, last row) of every anomaly window, in order."""

    @property
    def probation_rows(self) -> int:
        """Rows at the start that are not scored: 15 % of the series, of 5,000 rows at most."""
        return int(0.15 * min(len(self.values), 5000))


def read(folder: Path, series_limit: int | None = None) -> tuple[NabSeries, ...]:
    """All series, by name.

    Raises:
        TraceRefused: a file or column is missing or damaged, or a window begins or ends at no row of its series.
    """
    inner = trace_folder(NAME, folder)
    path = inner / "series.parquet"
    columns, codes, names = read_coded(path, ["timestamp_s", "value"], "series")
    windows: dict[str, list[tuple[int, int]]] = {}
    for block in read_headed(inner / "windows.csv", _WINDOW_COLUMNS, text=["series"]):
        for name, start, end in zip(*(block[column] for column in _WINDOW_COLUMNS), strict=True):
            windows.setdefault(str(name), []).append((int(start), int(end)))
    found = []
    for code, name in enumerate(names[:series_limit]):
        rows = np.flatnonzero(codes == code)
        times = columns["timestamp_s"][rows].astype(np.int64)
        placed = []
        for start, end in sorted(windows.get(name, [])):
            first, last = np.flatnonzero(times == start), np.flatnonzero(times == end)
            if not first.size or not last.size:
                raise TraceRefused(f"{name} has no row at {start if not first.size else end}", field="windows.csv")
            placed.append((int(first[0]), int(last[0])))
        found.append(NabSeries(name, times, columns["value"][rows].astype(np.float32), tuple(placed)))
    if not found:
        raise TraceRefused(f"{path} has no row", field=path.name, expected="one series or more")
    return tuple(found)


def read_peers(folder: Path) -> dict[str, dict[str, float]]:
    """Raw score (standard profile) by detector and series; empty when the folder has no such file."""
    path = trace_folder(NAME, folder) / "peer_results.csv"
    scores: dict[str, dict[str, float]] = {}
    if path.is_file():
        for block in read_headed(path, _PEER_COLUMNS, text=["series", "detector"]):
            for series, detector, score in zip(*(block[column] for column in _PEER_COLUMNS), strict=True):
                scores.setdefault(str(detector), {})[str(series)] = float(score)
    return scores
