"""A column's distribution in a few numbers, and how a window of it falls into the same bins.

Two samples are compared by counts in bins that the *reference* decides: then a window costs one pass, whatever the reference was,
and the sketch is small enough to be kept beside a model. Bins hold about equal shares of the reference; a value that stands for
more than a bin (zero, a constant) gets a bin of its own, else a constant that falls would stay in its bin. Unknown is the last
bin: a column that stops being measured has drifted, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

__all__ = ["ColumnSketch", "count_in_bins", "sketch_column"]

Values = NDArray[np.floating]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ColumnSketch:
    """What a column was in a reference sample. Figures of a column that was never known are NaN."""

    edges: NDArray[np.float64]
    """shape (k,), ascending without repeats: bin i holds edges[i-1] < x <= edges[i]; the first and the last are open."""
    counts: Counts
    """shape (k + 2,): of the k + 1 bins, then of unknown values."""
    minimum: float
    maximum: float
    mean: float
    std: float
    """Of the population."""

    @property
    def rows_count(self) -> int:
        """Values, unknown ones included."""
        return int(self.counts.sum())

    @property
    def unknown_ratio(self) -> float:
        """Share of values that are unknown; NaN of no values."""
        return float(self.counts[-1] / self.rows_count) if self.rows_count else float("nan")

    @property
    def is_constant(self) -> bool:
        """Whether all known values are the same. A column that was never known is not."""
        return self.minimum == self.maximum


def sketch_column(values: Values, bins_count: int = 20) -> ColumnSketch:
    """The sketch of a sample.

    Args:
        values: shape (n,); NaN: unknown.
        bins_count: how many bins of about equal share, >= 2; mass points may add some.

    Raises:
        InvalidValue: fewer than two bins.
    """
    if bins_count < 2:
        raise InvalidValue(f"{bins_count} bins", field="bins_count", expected="two or more")
    known = np.sort(values[~np.isnan(values)].astype(np.float64))
    if not known.size:
        nan = float("nan")
        return ColumnSketch(np.empty(0), np.array([0, values.size], dtype=np.int64), nan, nan, nan, nan)
    # Quantiles that are values of the sample: an interpolated edge would part nothing from nothing.
    quantiles = known[(np.arange(1, bins_count) * known.size) // bins_count]
    heavy, repeats = np.unique(quantiles, return_counts=True)
    below = np.nextafter(heavy[(repeats > 1) | (heavy == known[0])], -np.inf)
    edges = np.union1d(heavy, below)
    mean = float(known.mean())
    counts = count_in_bins(edges, values)
    return ColumnSketch(edges, counts, float(known[0]), float(known[-1]), mean, float(np.sqrt(np.mean((known - mean) ** 2))))


def count_in_bins(edges: NDArray[np.float64], values: Values) -> Counts:
    """How many values fall into each bin of a sketch.

    Args:
        edges: shape (k,), of the sketch.
        values: shape (n,); NaN: unknown.

    Returns:
        shape (k + 2,): of the k + 1 bins, then of unknown values.
    """
    known = values[~np.isnan(values)].astype(np.float64)
    bins = np.searchsorted(edges, known, side="left")
    return np.append(np.bincount(bins, minlength=edges.size + 1), values.size - known.size).astype(np.int64)
