"""Quality and drift of every feature, from the rows that are stored.

Of each column: how much of it is unknown, whether it says anything at all, where its values lie, and how far a window of it lies
from a reference. The distances themselves are ``hydatis_features.drift_distances``: those who watch served models use them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from hydatis_core.errors import DependencyUnavailable, WrongShape
from hydatis_features.column_sketch import count_in_bins, sketch_column
from hydatis_features.drift_distances import index_without_drift, jensen_shannon_divergence, population_stability_index
from numpy.typing import NDArray

from hydatis_feature_store.offline_files import OfflineFiles

__all__ = ["MOVED", "SHIFTED", "FeatureStatistics", "feature_statistics", "stored_rows"]

Matrix = NDArray[np.float32]

#: From these population stability indices on, beyond that of samples so small without drift, a column has moved, or shifted.
MOVED, SHIFTED = 0.1, 0.25
_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """One column in a window; a figure that is not known is NaN."""

    name: str
    rows_count: int
    unknown_ratio: float
    """Share of rows in which it is unknown."""
    is_constant: bool
    """Whether all known values are the same."""
    minimum: float
    maximum: float
    mean: float
    std: float
    p05: float
    p50: float
    p95: float
    stability_index: float
    """Population stability index against the reference, unknown counted as a bin; NaN without reference."""
    divergence: float
    """Jensen-Shannon divergence against it, 0..1 bits."""
    index_without_drift: float
    """What the index would be of two such samples of one distribution."""

    @property
    def finding(self) -> str:
        """What is to be said of it: the first row of the table that holds; empty when there is nothing."""
        beyond = self.stability_index - self.index_without_drift
        rows = (
            (self.unknown_ratio == 1, "never known"),
            (beyond > SHIFTED, "shifted"),
            (beyond > MOVED, "moved"),
            (self.is_constant, "constant"),
            (self.unknown_ratio > 0.5, "mostly unknown"),
        )
        return next((words for holds, words in rows if holds), "")

    def to_json(self) -> dict[str, Any]:
        """As JSON values: NaN is null."""
        told = asdict(self) | {"finding": self.finding}
        return {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in told.items()}


def feature_statistics(names: Sequence[str], window: Matrix, reference: Matrix | None = None) -> tuple[FeatureStatistics, ...]:
    """Statistics of every column.

    Args:
        names: of the columns.
        window: shape (rows, names), float32; NaN: unknown.
        reference: shape (other rows, names): what the window is compared with; None: nothing.

    Raises:
        WrongShape: not a column per name.
    """
    for rows in (window, *(() if reference is None else (reference,))):
        if rows.ndim != 2 or rows.shape[1] != len(names):
            raise WrongShape(f"rows of shape {rows.shape}", field="window", expected=f"{len(names)} columns")
    return tuple(
        _of_column(name, window[:, position], None if reference is None else reference[:, position])
        for position, name in enumerate(names)
    )


def stored_rows(files: OfflineFiles, from_seconds: int, until_seconds: int, most_generations: int = 200) -> Matrix:
    """Rows of the generations in a span, shape (rows, columns of the view): of evenly spaced ones where there are more.

    Args:
        files: of a view.
        from_seconds: first event time, inclusive.
        until_seconds: last one, inclusive.
        most_generations: how many are read at most; what is said of a column needs no more.

    Raises:
        DependencyUnavailable: no generation is in the span.
    """
    held = [generation for generation in files.generations() if from_seconds <= generation <= until_seconds]
    if not held:
        shown = f"no {files.view.name} are stored from {from_seconds} to {until_seconds}"
        raise DependencyUnavailable(shown, field="offline", expected="a span with rows")
    chosen = np.unique(np.linspace(0, len(held) - 1, min(most_generations, len(held))).round().astype(int))
    return np.concatenate([files.read(held[position])[1] for position in chosen])


def _of_column(name: str, window: NDArray[np.float32], reference: NDArray[np.float32] | None) -> FeatureStatistics:
    sketch = sketch_column(window)
    known = window[~np.isnan(window)]
    low, middle, high = (float(np.quantile(known, at)) if known.size else float("nan") for at in _QUANTILES)
    index = divergence = without = float("nan")
    if reference is not None:
        before = sketch_column(reference)
        now = count_in_bins(before.edges, window)
        index = population_stability_index(before.counts, now)
        divergence = jensen_shannon_divergence(before.counts, now)
        without = index_without_drift(before.counts, now)
    return FeatureStatistics(
        name,
        sketch.rows_count,
        sketch.unknown_ratio,
        sketch.is_constant,
        sketch.minimum,
        sketch.maximum,
        sketch.mean,
        sketch.std,
        low,
        middle,
        high,
        index,
        divergence,
        without,
    )
