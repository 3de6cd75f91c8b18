"""What the feature engine made of a set of series: the inputs a served model would have had, and what then came.

The very engine that serves watches the series tick by tick, so a model is judged on columns computed as in service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_features.engine import FeatureEngine
from hydatis_features.usage import METRICS
from hydatis_forecasting.dataset import Dataset
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.targets import HORIZONS_SECONDS, TARGETS
from hydatis_forecasting.use_history import MAX_COVERAGE_RATIO
from numpy.typing import NDArray

from hydatis_simulator.benchmark.forecast.series import SeriesSet

__all__ = ["Watched", "futures", "watch"]

Matrix = NDArray[np.float32]
#: Size of each node: only shares count.
_CORES, _BYTES = 100.0, 1e9


@dataclass(frozen=True)
class Watched:
    """Series with the engine's columns at some of their steps."""

    series: SeriesSet
    steps: NDArray[np.intp]
    """Steps that are held, rising."""
    inputs: Matrix
    """shape (steps, series, ``INPUT_COLUMNS``)."""

    def dataset(self, resource: str) -> Dataset:
        """Rows with known newest use and future, as a forecaster is trained on; ``yesterday`` is left unknown."""
        came = futures(self.series.of(resource), self.series.step_seconds)[:, self.steps].transpose(1, 0, 2)
        used = self.inputs[:, :, [name for name, _ in INPUT_COLUMNS].index(f"{resource}_used_ratio")]
        known = ~np.isnan(used) & ~np.isnan(came).any(axis=2)
        step, node = np.nonzero(known)
        times = (self.series.start_seconds + self.steps[step] * self.series.step_seconds).astype(np.int64)
        targets = np.ascontiguousarray(came[known])
        return Dataset(
            resource=resource,
            columns=INPUT_COLUMNS,
            rows=self.inputs[known],
            targets=targets,
            yesterday=np.full_like(targets, np.nan),
            generations=times,
            node_rows=node.astype(np.int32),
            dropped_no_use_count=int(np.isnan(used).sum()),
            dropped_no_future_count=int((~known & ~np.isnan(used)).sum()),
        )


def watch(series: SeriesSet, keep: NDArray[np.bool_], told: Callable[[int, int], None]) -> Watched:
    """Lets the engine watch a set of series.

    Args:
        series: what is watched; each is a node.
        keep: shape (steps,): steps whose columns are kept.
        told: called with (steps done, steps).
    """
    nodes = [Node(name, Resources(_CORES, _BYTES)) for name in series.names]
    engine = FeatureEngine(nodes, series.step_seconds, 0.0)
    columns = [engine_column for engine_column, _ in INPUT_COLUMNS]
    steps = np.flatnonzero(keep)
    inputs = np.empty((len(steps), len(nodes), len(columns)), dtype=np.float32)
    usage = np.full((len(nodes), len(METRICS)), np.nan, dtype=np.float32)
    nobody = np.zeros((0, 2), dtype=np.float32)
    at, positions = 0, None
    for step in range(series.steps_count):
        usage[:, 0], usage[:, 1] = series.cpu[:, step] * _CORES, series.memory[:, step] * _BYTES
        time = series.start_seconds + step * series.step_seconds
        table = engine.tick(int(time), time, usage, [], nobody)
        if keep[step]:
            if positions is None:
                positions = [table.column_index[name] for name in columns]
            inputs[at] = table.values[:, positions]
            at += 1
        if step % 256 == 0:
            told(step, series.steps_count)
    return Watched(series, steps, inputs)


def futures(used: Matrix, step_seconds: float) -> Matrix:
    """What came after each step, by the rule of ``hydatis_forecasting.use_history`` on a grid without jitter.

    Args:
        used: shape (series, steps), NaN unknown.
        step_seconds: length of a step.

    Returns:
        shape (series, steps, 6), float32, in the order of ``TARGETS``; NaN unknown.
    """
    series_count, steps_count = used.shape
    answer = np.full((series_count, steps_count, len(TARGETS)), np.nan, dtype=np.float32)
    highest = np.full((series_count, steps_count), np.nan, dtype=np.float32)
    known = np.zeros((series_count, steps_count), dtype=np.int32)
    ahead = 0
    for position, horizon in enumerate(HORIZONS_SECONDS):
        last = max(1, int(np.ceil(horizon / step_seconds)))
        while ahead < last:
            ahead += 1
            later = used[:, ahead:]
            highest[:, : later.shape[1]] = np.fmax(highest[:, : later.shape[1]], later)
            known[:, : later.shape[1]] += ~np.isnan(later)
        end = max(steps_count - last, 0)
        answer[:, :end, 2 * position] = used[:, last:]
        enough = known[:, :end] >= MAX_COVERAGE_RATIO * last
        answer[:, :end, 2 * position + 1] = np.where(enough, highest[:, :end], np.nan)
    return answer
