"""Labelled sets that come as ``train.parquet`` and ``test.parquet``, one row per machine and step, with a list of segments.

Metrics are the columns whose names end in ``_minmax01``, so that a set with other or more of them is read as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydatis_core.errors import TraceRefused
from numpy.typing import NDArray

from hydatis_simulator.labelled.headed_text import read_headed
from hydatis_simulator.labelled.machine import LabelledMachine, Segment
from hydatis_simulator.traces.arrow import column_names, read_coded
from hydatis_simulator.traces.folder import trace_folder

__all__ = ["Layout", "read_machines"]

_METRIC_SUFFIX = "_minmax01"
_LABEL = "is_anomaly"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a set is laid out."""

    name: str
    """Name of its folder."""
    machine_column: str
    step_column: str
    tick_seconds: float
    end_inclusive: bool
    """Whether ``end_step`` is the last row of a segment, or the one after it."""


def read_machines(folder: Path, layout: Layout, machine_limit: int | None = None) -> tuple[LabelledMachine, ...]:
    """The machines of a set, by name.

    Args:
        folder: the set's folder, or one that holds a folder of its name.
        layout: how it is laid out.
        machine_limit: the first so many machines only.

    Raises:
        TraceRefused: a file or column is missing or damaged, or a machine has no row in one of the parts.
    """
    inner = trace_folder(layout.name, folder)
    train_path, test_path = inner / "train.parquet", inner / "test.parquet"
    metrics = [name for name in column_names(train_path) if name.endswith(_METRIC_SUFFIX)]
    if not metrics:
        raise TraceRefused(f"{train_path} has no metric", field=train_path.name, expected=f"columns that end in {_METRIC_SUFFIX}")
    train = _by_machine(train_path, metrics, layout, ())
    test = _by_machine(test_path, metrics, layout, (_LABEL,))
    segments = _segments(inner / "anomaly_segments.csv", layout)
    names = sorted(test)[:machine_limit]
    machines = []
    for name in names:
        if name not in train:
            raise TraceRefused(
                f"{train_path} has no row of {name}", field=layout.machine_column, expected="each machine of test.parquet"
            )
        values = test[name]
        machines.append(
            LabelledMachine(
                name,
                tuple(metric.removesuffix(_METRIC_SUFFIX) for metric in metrics),
                layout.tick_seconds,
                train[name].astype(np.float32),
                values[:, :-1].astype(np.float32),
                values[:, -1] > 0,
                tuple(segments.get(name, ())),
            )
        )
    return tuple(machines)


def _by_machine(path: Path, metrics: list[str], layout: Layout, further: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    columns, codes, names = read_coded(path, [*metrics, *further, layout.step_column], layout.machine_column)
    if not len(codes):
        raise TraceRefused(f"{path} has no row", field=path.name, expected="two rows or more a machine")
    for name in [*metrics, *further]:
        if columns[name].dtype == object:
            raise TraceRefused(f"{path}: column {name} is no number", field=name, expected="numbers")
    values = np.column_stack([columns[name].astype(np.float64) for name in [*metrics, *further]])
    values[np.isinf(values)] = np.nan
    found = {}
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        if len(rows) < 2:
            raise TraceRefused(f"{path} has {len(rows)} row of {name}", field=path.name, expected="two rows or more a machine")
        found[name] = values[rows[np.argsort(columns[layout.step_column][rows], kind="stable")]]
    return found


def _segments(path: Path, layout: Layout) -> dict[str, list[Segment]]:
    """By machine; none when the set has no such file."""
    found: dict[str, list[Segment]] = {}
    if not path.is_file():
        return found
    names, dims = layout.machine_column, "dims_1based"
    keep = [names, "start_step", "end_step", dims]
    for columns in read_headed(path, keep, text=[names, dims]):
        for name, first, end, places in zip(*(columns[column] for column in keep), strict=True):
            metrics = tuple(int(place) - 1 for place in str(places or "").split(",") if place.strip().isdigit())
            found.setdefault(str(name), []).append(Segment(int(first), int(end) + layout.end_inclusive, metrics))
    return found
