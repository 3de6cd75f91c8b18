"""Samples at their own times onto the steps of a trace.

Collectors drift, repeat and pause. Here their samples meet one grid: a step's value is the mean of the samples in it, a step
without one is NaN, and nothing is interpolated (what a forecaster then learns from was measured).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SampleGrid", "Window"]

Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in steps."""

    start_seconds: float
    """Multiple of the step."""
    step_seconds: float
    steps_count: int

    @property
    def end_seconds(self) -> float:
        """End of the last step."""
        return self.start_seconds + self.steps_count * self.step_seconds

    def steps(self, times_seconds: NDArray[np.number]) -> NDArray[np.int64]:
        """Step of each moment; outside the window below 0 or at least ``steps_count``."""
        return np.asarray(np.floor((times_seconds - self.start_seconds) / self.step_seconds), dtype=np.int64)


class SampleGrid:
    """Means per machine and step, added to batch by batch.

    Args:
        machines_count: rows.
        window: the steps.
        columns_count: measures of a sample.
    """

    def __init__(self, machines_count: int, window: Window, columns_count: int) -> None:
        self._shape = (machines_count, window.steps_count)
        self._sums = np.zeros((columns_count, machines_count * window.steps_count), dtype=np.float32)
        self._counts = np.zeros((columns_count, machines_count * window.steps_count), dtype=np.uint8)
        self.off = np.zeros(self._shape, dtype=np.bool_)
        """shape (machines, steps): ``mark_off`` was called and no sample came."""

    def add(self, machines: NDArray[np.integer], steps: NDArray[np.int64], columns: list[Values]) -> None:
        """Adds samples; NaN adds nothing.

        Args:
            machines: shape (samples,), row of each.
            steps: shape (samples,), step of each, within the window.
            columns: per measure, shape (samples,).
        """
        cells = machines.astype(np.int64) * self._shape[1] + steps
        at, sample_cells = np.unique(cells, return_inverse=True)
        for position, values in enumerate(columns):
            known = ~np.isnan(values)
            sums = np.bincount(sample_cells, weights=np.where(known, values, 0.0), minlength=len(at))
            counts = np.bincount(sample_cells[known], minlength=len(at))
            self._sums[position, at] += sums.astype(np.float32)
            self._counts[position, at] += np.minimum(counts, 255).astype(np.uint8)

    def mark_off(self, machines: NDArray[np.integer], steps: NDArray[np.int64]) -> None:
        """The source says that these machines were off in these steps."""
        self.off[machines, steps] = True

    def means(self, column: int) -> NDArray[np.float32]:
        """Means of one measure, shape (machines, steps), NaN where no sample came."""
        counts = self._counts[column]
        unknown = np.full(len(counts), np.nan, dtype=np.float32)
        np.divide(self._sums[column], counts, out=unknown, where=counts > 0)
        return unknown.reshape(self._shape)

    @property
    def merged_count(self) -> int:
        """Samples beyond the first of their step, of the first measure."""
        counts = self._counts[0]
        return int(counts.sum(dtype=np.int64) - (counts > 0).sum())
