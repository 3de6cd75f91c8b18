"""Windows over a plain record of metrics: what the node table's own windows are to nodes, for any machine with numbers.

The node table comes with windows over 15 minutes, an hour and a day. A record that is only a matrix of metrics (a public data set,
an exporter of somebody else) gets four causal views of every metric here; row t uses rows up to t only.

    y_j    = sign(z_j) ln(1 + |z_j|),  z_j = (x_j - median_j) / scale_j     scale: the largest of IQR / 1.349, (q99 - q01) / 4.65
                                                                             and 0.3 standard deviations of training
    level    y_j
    mean     mean of y_j over the last w rows
    change   y_j less the mean over the w rows before
    spread   ln(1 + standard deviation of y_j over the last w rows)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_anomaly.inputs import Input

__all__ = ["VIEWS", "WINDOW_ROWS", "Windows"]

#: The views, each a group of inputs.
VIEWS = ("level", "mean", "change", "spread")
#: Rows of a window.
WINDOW_ROWS = 15
#: Scale of a metric that never moved in training, in its own unit: the published records are scaled to 0..1.
_STILL_SCALE = 0.01

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Windows over the metrics of one machine."""

    metrics: tuple[str, ...]
    """Names of the metrics, without repeats."""
    medians: Series
    """shape (metrics,)."""
    scales: Series
    """shape (metrics,), > 0."""
    window_rows: int = WINDOW_ROWS

    @classmethod
    def of_training(cls, values: NDArray[np.floating], metrics: Sequence[str], window_rows: int = WINDOW_ROWS) -> Windows:
        """Fitted to a record, shape (m, metrics), mostly normal, rows in order of time; NaN unknown.

        Raises:
            WrongShape: not one column per name.
            InvalidValue: fewer rows than a window, or no metric is ever known.
        """
        if values.ndim != 2 or values.shape[1] != len(metrics):
            raise WrongShape(f"values of shape {values.shape}", field="values", expected=f"(m, {len(metrics)})")
        if len(values) < window_rows:
            raise InvalidValue(f"{len(values)} rows", field="values", expected=f"{window_rows} or more, one window")
        seen = np.isfinite(values).any(axis=0)
        if not seen.any():
            raise InvalidValue("no metric is ever known", field="values", expected="one known value or more")
        known = np.where(seen, values, 0.0).astype(np.float64)
        low, first, median, third, high = np.nanquantile(known, [0.01, 0.25, 0.5, 0.75, 0.99], axis=0)
        deviation = np.nanstd(known, axis=0)
        scale = np.maximum.reduce([(third - first) / 1.349, (high - low) / 4.65, 0.3 * deviation])
        return cls(tuple(metrics), median, np.where(scale > 0, np.maximum(scale, _STILL_SCALE / 10), _STILL_SCALE), window_rows)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The views as inputs of a detector, in the order of the columns of ``rows``."""
        return tuple(Input("a", f"{metric} {view}", group=view) for view in VIEWS for metric in self.metrics)

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """(name, definition) of the columns of ``rows``."""
        return tuple((one.a, f"windows/{self.window_rows}") for one in self.inputs)

    def rows(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """The views of a record.

        Args:
            values: shape (n, metrics), rows in order of time, without gaps. NaN: unknown. To continue a record, begin with its last
                2 x ``window_rows`` rows and leave out what they give.

        Returns:
            shape (n, 4 x metrics), float32, all views of ``VIEWS`` in turn; NaN where nothing in the window is known.

        Raises:
            WrongShape: another number of metrics.
        """
        if values.ndim != 2 or values.shape[1] != len(self.metrics):
            raise WrongShape(f"values of shape {values.shape}", field="values", expected=f"(n, {len(self.metrics)})")
        z = (values.astype(np.float64) - self.medians) / self.scales
        level = np.sign(z) * np.log1p(np.abs(z))
        mean, square = _trailing_mean(level, self.window_rows), _trailing_mean(level * level, self.window_rows)
        before = np.concatenate([level[:1], mean[:-1]])
        spread = np.log1p(np.sqrt(np.maximum(square - mean * mean, 0.0)))
        return np.concatenate([level, mean, level - before, spread], axis=1).astype(np.float32)


def _trailing_mean(values: Series, window_rows: int) -> Series:
    """Mean of the known values of the last rows (fewer at the start); NaN where none is known."""
    known = np.isfinite(values)
    sums = np.cumsum(np.where(known, values, 0.0), axis=0)
    counts = np.cumsum(known, axis=0).astype(np.float64)
    if len(values) > window_rows:
        sums, counts = (
            np.concatenate([total[:window_rows], total[window_rows:] - total[:-window_rows]]) for total in (sums, counts)
        )
    means = np.full_like(sums, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
