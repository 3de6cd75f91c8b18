"""What the trees see: the shape of a node's use, free of its level and size.

A model trained on small quiet nodes must serve large busy ones, of clusters nobody has seen. So each amount is told as its distance
from the newest use, in units of how much that node's use varies; changes are forecast in the same units. Level and size cancel:

    scale     = max(std_24h, 0.05 mean_24h, 0.0001), where a day is not known yet: max(std_1h, 0.05 used, 0.0001)
    levels    : (x - used) / scale            means, medians, peaks, lags
    spreads   : x / scale                     standard deviations, changes, slope, volatility
    and used / scale, scale / used, the burstiness and the hour of the day as they are

What is bound to the node is left out: pods that are bound but not yet measured are credited by the placement on top of the
forecast, and would count twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import UnknownColumn
from numpy.typing import NDArray

from hydatis_forecasting.inputs import use_column

__all__ = ["Shape", "scale_of", "shape_names", "shape_of"]

_LEVELS = (
    "used_mean_15m",
    "used_mean_1h",
    "used_mean_6h",
    "used_mean_24h",
    "used_max_15m",
    "used_max_1h",
    "used_max_6h",
    "used_max_24h",
    "used_min_1h",
    "used_p50_1h",
    "used_p95_1h",
    "used_p50_24h",
    "used_p95_24h",
    "used_ewma_30m",
    "used_lag_1h",
    "used_lag_24h",
    "used_max_next_hour_yesterday",
)
_SPREADS = (
    "used_std_1h_ratio",
    "used_std_24h_ratio",
    "used_change_15m_ratio",
    "used_slope_1h_ratio_per_hour",
    "used_volatility_1h_ratio",
)
_OTHER_LEVELS = ("used_mean_15m", "used_mean_1h", "used_mean_6h", "used_mean_24h", "used_lag_24h")
_OTHER_SPREADS = ("used_change_15m_ratio", "used_std_1h_ratio")
_AS_THEY_ARE = ("hour_of_day_sin", "hour_of_day_cos")
#: Least scale, share of allocatable: below it, differences are rounding.
_LEAST_SCALE = np.float32(1e-4)
_OTHER = {"cpu": "memory", "memory": "cpu"}
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """Rows as trees see them, and what leads back."""

    rows: Rows
    """shape (n, shapes), float32, NaN unknown."""
    used: Rows
    """shape (n,): the newest use, share of allocatable."""
    scale: Rows
    """shape (n,): the unit of change, share of allocatable, >= 0.0001; NaN where the newest use is unknown."""


class _Columns:
    """Columns of a matrix by name."""

    def __init__(self, names: Sequence[str], rows: Rows) -> None:
        self._at = {name: position for position, name in enumerate(names)}
        self._rows = rows

    def __getitem__(self, name: str) -> Rows:
        if name not in self._at:
            raise UnknownColumn(f"column {name!r}, which every forecast is made of, is not there", field="columns")
        return np.ascontiguousarray(self._rows[:, self._at[name]])


def scale_of(names: Sequence[str], rows: Rows, resource: str) -> Rows:
    """The unit of change of each row, by the formula above.

    Args:
        names: columns of the rows, of the node table.
        rows: shape (n, names), float32, NaN unknown.
        resource: "cpu" or "memory".

    Returns:
        shape (n,), float32, share of allocatable; NaN where the newest use is unknown.

    Raises:
        UnknownColumn: one that the scale is made of is not among the columns.
    """
    return _scale(_Columns(names, rows), resource)


def _scale(columns: _Columns, resource: str) -> Rows:
    used = columns[use_column(resource)]
    least, part = _LEAST_SCALE, np.float32(0.05)
    day_spread, day_mean = columns[f"{resource}_used_std_24h_ratio"], columns[f"{resource}_used_mean_24h_ratio"]
    day = np.maximum(np.maximum(day_spread, part * day_mean), least)
    hour = np.maximum(np.fmax(columns[f"{resource}_used_std_1h_ratio"], part * used), least)
    return np.where(np.isnan(used), np.float32(np.nan), np.where(np.isnan(day), hour, day))


def shape_names(resource: str) -> tuple[str, ...]:
    """What each column of ``Shape.rows`` is, in words: what trees of a resource cut."""
    other = _OTHER[resource]
    names = [f"{resource}_{name} less the newest use" for name in _LEVELS]
    names += [f"{resource}_{name} by scale" for name in _SPREADS]
    names += [f"{resource} newest use by scale", f"{resource} scale by newest use", f"{resource}_used_burstiness_1h"]
    names += _AS_THEY_ARE
    names += [f"{other}_{name} less the newest use" for name in _OTHER_LEVELS]
    names += [f"{other}_{name} by scale" for name in _OTHER_SPREADS]
    return tuple(names)


def shape_of(names: Sequence[str], rows: Rows, resource: str) -> Shape:
    """Rows of the node table as shapes.

    Args:
        names: columns of the rows.
        rows: shape (n, names), float32, NaN unknown. Not changed.
        resource: "cpu" or "memory".

    Raises:
        UnknownColumn: one that a shape is made of is not among the columns.
    """
    columns, other = _Columns(names, rows), _OTHER[resource]
    used, scale = columns[use_column(resource)], _scale(columns, resource)
    other_used, other_scale = columns[use_column(other)], _scale(columns, other)
    shapes = [(columns[f"{resource}_{name}_ratio"] - used) / scale for name in _LEVELS]
    shapes += [columns[f"{resource}_{name}"] / scale for name in _SPREADS]
    shapes += [used / scale, scale / np.maximum(used, _LEAST_SCALE), columns[f"{resource}_used_burstiness_1h"]]
    shapes += [columns[name] for name in _AS_THEY_ARE]
    shapes += [(columns[f"{other}_{name}_ratio"] - other_used) / other_scale for name in _OTHER_LEVELS]
    shapes += [columns[f"{other}_{name}"] / other_scale for name in _OTHER_SPREADS]
    stacked = np.stack(shapes, axis=1) if len(rows) else np.zeros((0, len(shapes)), dtype=np.float32)
    return Shape(np.ascontiguousarray(stacked, dtype=np.float32), used, scale)
