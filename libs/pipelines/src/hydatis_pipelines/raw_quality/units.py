"""Units that published traces are often told in by mistake, and what size quantities have in the right one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hydatis_lifecycle.quality.rules import Columns, UnitRule
from numpy.typing import NDArray

__all__ = ["GREATER_UNITS", "unit_of", "unix_seconds"]

#: What a KiB is told in: factor that makes KiB of it.
GREATER_UNITS: Mapping[str, float] = {"bytes": 1 / 1024, "MiB": 1024.0, "GiB": 1024.0**2}


def unix_seconds(column: str) -> UnitRule:
    """Times between 2001 and 2096, Unix seconds."""
    finer = {"milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
    return unit_of(column, "Unix seconds", 1e9, 4e9, finer)


def unit_of(
    column: str,
    unit: str,
    low: float,
    high: float,
    mistaken: Mapping[str, float],
    *,
    statistic: str = "median",
    known: bool = False,
) -> UnitRule:
    """A rule about a column's own size; ``known``: zeros are left out."""

    def of(batch: Columns) -> NDArray[np.floating[Any]]:
        values = batch[column].astype(np.float64)
        return values[values > 0] if known else values

    return UnitRule(column, unit, of, low, high, mistaken, statistic)
