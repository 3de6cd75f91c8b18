"""Figures of pods' pasts, row by row, of what is known in each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["known_count", "quantile_of_known"]

Rows = NDArray[np.float32]


def known_count(rows: Rows) -> NDArray[np.int64]:
    """How many samples of each row are known: the last axis goes."""
    unknown = np.isnan(rows)
    if not unknown.any():  # mostly: counting costs more than asking
        return np.full(rows.shape[:-1], rows.shape[-1], dtype=np.int64)
    return np.asarray(rows.shape[-1] - unknown.sum(axis=-1), dtype=np.int64)


def quantile_of_known(rows: Rows, percent: float) -> NDArray[np.float64]:
    """The percentile of each row's known samples, between neighbours on the line (numpy's ``linear``); NaN where none is known.

    Args:
        rows: shape (..., samples).
        percent: 0..100.
    """
    flat = rows.reshape(int(np.prod(rows.shape[:-1])), rows.shape[-1])
    count = known_count(flat)
    result = np.full(len(flat), np.nan)
    for known in np.unique(count[count > 0]):  # rows that miss as much: mostly all of them
        chosen = count == known
        place = percent / 100.0 * (known - 1)
        low = int(place)
        high = min(low + 1, int(known) - 1)
        ordered = np.partition(flat if chosen.all() else flat[chosen], (low, high), axis=1)  # NaN goes last
        below, above = ordered[:, low].astype(np.float64), ordered[:, high].astype(np.float64)
        result[chosen] = below + (above - below) * (place - low)
    return result.reshape(rows.shape[:-1])
