"""The forecast table: what every node is expected to use, as of one tick.

It is the twin of the node table of the same generation (same rows, same order), made once per tick and then only read. Like the
node table it is a value: never changed after it was made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, UnknownColumn, WrongShape
from numpy.typing import NDArray

from hydatis_forecasting.targets import COLUMNS

__all__ = ["ForecastTable"]

_POSITION = {name: position for position, name in enumerate(COLUMNS)}


@dataclass(frozen=True)
class ForecastTable:
    """Forecasts of all nodes at one tick.

    Raises:
        WrongShape: values are not float32 of nodes x 24, or row_versions not int32 of nodes x 2.
        InvalidValue: the generation is not positive, a value is infinite or below 0, or a row's version is not listed.
    """

    generation: int
    """The tick the forecast is made at: that of the node table it was computed from, Unix seconds, > 0."""
    values: NDArray[np.float32]
    """shape (nodes, 24), float32, read-only, columns of ``targets.COLUMNS``: use as a share of allocatable, >= 0, may pass 1.
    NaN: unknown."""
    model_versions: tuple[tuple[str, str], ...] = ()
    """(model name, version) of every model version that computed a part."""
    row_versions: NDArray[np.int32] | None = None
    """shape (nodes, 2), int32: per row and model (cpu-forecaster, memory-forecaster) the position in ``model_versions``.
    None while each model has one version."""

    def __post_init__(self) -> None:
        if self.generation <= 0:
            raise InvalidValue(f"{self.generation} is not a generation", field="generation", expected="a tick time > 0")
        if self.values.ndim != 2 or self.values.shape[1] != len(COLUMNS) or self.values.dtype != np.float32:
            shown = f"{self.values.dtype} values of shape {self.values.shape}"
            raise WrongShape(shown, field="values", expected=f"float32 of shape (nodes, {len(COLUMNS)})")
        wrong = np.isinf(self.values) | (self.values < 0)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            shown = f"row {row}, column {COLUMNS[column]} is {self.values[row, column]}"
            raise InvalidValue(shown, field="values", expected="finite shares >= 0, or NaN for unknown")
        self.values.flags.writeable = False
        self._check_versions()

    def _check_versions(self) -> None:
        versions = self.row_versions
        if versions is None:
            return
        if versions.shape != (len(self.values), 2) or versions.dtype != np.int32:
            shown = f"{versions.dtype} versions of shape {versions.shape}"
            raise WrongShape(shown, field="row_versions", expected=f"int32 of shape ({len(self.values)}, 2)")
        if versions.size and (versions.min() < 0 or versions.max() >= len(self.model_versions)):
            raise InvalidValue(
                "a row names a version that is not listed", field="row_versions", expected=f"0..{len(self.model_versions) - 1}"
            )
        versions.flags.writeable = False

    @property
    def node_count(self) -> int:
        """How many rows."""
        return len(self.values)

    def column(self, name: str) -> NDArray[np.float32]:
        """One column, shape (nodes,), a view.

        Raises:
            UnknownColumn: it is not one of ``targets.COLUMNS``.
        """
        position = _POSITION.get(name)
        if position is None:
            raise UnknownColumn(f"{name!r} is not forecast", field="column", expected="one of targets.COLUMNS")
        return self.values[:, position]
