"""The hottest forecast of every node by name: tables say which node a row is, forecasts how hot it will get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.outlook import outlook
from numpy.typing import NDArray

__all__ = ["Heat", "HeatBook"]

T = TypeVar("T")
#: Generations kept of each stream while the other is late.
_KEPT_COUNT = 3


@dataclass(frozen=True, slots=True)
class Heat:
    """One generation."""

    made_at_seconds: float
    """Unix seconds of the tick that it is a forecast from."""
    ratios: dict[str, float]
    """By node: the greater of CPU and memory, p95 of the highest use within the coming hour over allocatable, >= 0; NaN: not known
    of one of the two."""


class HeatBook:
    """Joins tables and forecasts of the same generation, in whatever order they come; written and read by the event loop."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, ...]] = {}
        self._ratios: dict[int, NDArray[np.float32]] = {}
        self.newest: Heat | None = None
        """The newest of which both are here; None before that."""

    def take_table(self, table: NodeTable) -> None:
        """A table is here."""
        _keep(self._names, table.generation, table.node_names)
        self._join(table.generation)

    def take_forecast(self, forecast: ForecastTable) -> None:
        """A forecast is here."""
        seen = outlook(forecast)
        _keep(self._ratios, forecast.generation, np.maximum(seen.cpu_p95, seen.memory_p95))
        self._join(forecast.generation)

    def _join(self, generation: int) -> None:
        names, ratios = self._names.get(generation), self._ratios.get(generation)
        if names is not None and ratios is not None and len(names) == len(ratios):
            self.newest = Heat(float(generation), dict(zip(names, ratios.tolist(), strict=True)))


def _keep(held: dict[int, T], generation: int, what: T) -> None:
    held.pop(generation, None)
    held[generation] = what
    while len(held) > _KEPT_COUNT:
        del held[next(iter(held))]
