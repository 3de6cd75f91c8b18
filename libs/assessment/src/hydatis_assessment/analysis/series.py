"""Series of many rows as one, and figures of series, of what is known in them.

A row of ``ClusterUse`` is NaN where its pod did not run and where nobody measured. In a sum over rows the two differ: one replica
less is less use, a gap is no use at all. A step at which nothing of the sum is known is therefore unknown, any other is the sum of
what is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_simulator.peers.own_past import quantile_of_known
from numpy.typing import NDArray

__all__ = ["FIGURES", "Series", "SeriesFigures", "add_known", "figures_of", "means_of", "summed", "unknown"]

#: shape (2, .., steps), CPU and memory.
Series = NDArray[np.float32]
#: Names of what ``SeriesFigures`` holds.
FIGURES = ("mean", "p95", "max")


@dataclass(frozen=True, slots=True)
class SeriesFigures:
    """Figures over time, shape (2, series) each, cores and bytes; NaN: nothing is known."""

    mean: NDArray[np.float64]
    p95: NDArray[np.float64]
    max: NDArray[np.float64]


def unknown(*shape: int) -> Series:
    """Of which nothing is known yet."""
    return np.full(shape, np.nan, dtype=np.float32)


def add_known(total: Series, more: Series) -> None:
    """Adds what is known, in place; shapes are the same."""
    missing = np.isnan(more)
    if missing.any():
        more = np.where(missing, np.where(np.isnan(total), np.float32(np.nan), np.float32(0.0)), more)
    np.add(np.where(np.isnan(total), np.float32(0.0), total), more, out=total)


def summed(rows: Series) -> Series:
    """Sum of rows, shape (2, rows, steps) to (2, steps); NaN where no row is known."""
    if rows.shape[1] == 1:
        return rows[:, 0]
    missing = np.isnan(rows)
    total = np.where(missing, np.float32(0.0), rows).sum(axis=1, dtype=np.float32)
    total[missing.all(axis=1)] = np.nan
    return np.asarray(total, dtype=np.float32)


def figures_of(series: Series) -> SeriesFigures:
    """Figures of series of shape (2, series, steps)."""
    highest = np.fmax.reduce(series, axis=2).astype(np.float64)
    return SeriesFigures(means_of(series), quantile_of_known(series, 95.0), highest)


def means_of(series: Series) -> NDArray[np.float64]:
    """Means over time, shape (2, series, steps) to (2, series); NaN: nothing is known."""
    known = ~np.isnan(series)
    with np.errstate(invalid="ignore"):
        total = np.where(known, series, np.float32(0.0)).sum(axis=2, dtype=np.float64)
        return np.asarray(total / known.sum(axis=2))
