"""The states that decisions are made on: the newest tables joined with their forecasts and risks, ahead of any decision.

The three arrive on three streams in any order. What a decision needs of a generation is computed once, when its table and forecast
are both here, so that a decision only gathers rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hydatis_anomaly.risk_table import RiskTable
from hydatis_core.errors import GenerationUnavailable
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.outlook import outlook
from hydatis_placement.view import ClusterView
from hydatis_serving.generations import Generations

__all__ = ["PreparedView", "ViewBook"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PreparedView:
    """A complete state of one generation."""

    view: ClusterView
    """Table, forecast and, where there is one, risk."""
    risk_masked: bool
    """Whether the risk is missing."""


class ViewBook:
    """Keeps tables, forecasts, risks and the views made of them, of the newest generations.

    A generation lower than the newest of its kind means that another cluster was loaded: what was held of that kind is let go.

    Args:
        keep_count: of how many generations.
        on_held: called with a source ("table", "forecast", "risk") and its generation.
    """

    def __init__(self, keep_count: int = 3, on_held: Callable[[str, int], None] = lambda _source, _generation: None) -> None:
        self._tables: Generations[NodeTable] = Generations(keep_count, noun="table")
        self._forecasts: Generations[ForecastTable] = Generations(keep_count, noun="forecast")
        self._risks: Generations[RiskTable] = Generations(keep_count, noun="risk")
        self._views: Generations[PreparedView] = Generations(keep_count, noun="complete state")
        self._with_risk: Generations[PreparedView] = Generations(keep_count, noun="complete state with risk")
        self._on_held = on_held

    def take_table(self, table: NodeTable) -> None:
        """A table is here."""
        _put(self._tables, table.generation, table)
        self._took("table", table.generation)

    def take_forecast(self, forecast: ForecastTable) -> None:
        """A forecast is here."""
        _put(self._forecasts, forecast.generation, forecast)
        self._took("forecast", forecast.generation)

    def take_risk(self, risk: RiskTable) -> None:
        """Risk scores are here."""
        _put(self._risks, risk.generation, risk)
        self._took("risk", risk.generation)

    def pick(self, generations: Sequence[int]) -> PreparedView:
        """The first of the generations offered that is complete here.

        Raises:
            GenerationUnavailable: none is.
        """
        for generation in generations:
            prepared = self._views.find(generation) if generation > 0 else None
            if prepared is not None:
                return prepared
        held = ", ".join(map(str, self._views.held())) or "none"
        raise GenerationUnavailable(
            "no generation offered is complete here", field="generations", expected=f"one of those held: {held}"
        )

    def same_rows(self, offered: int, picked: NodeTable) -> bool:
        """Whether rows of the offered generation are rows of the picked table: both have the same nodes in the same order."""
        if offered == picked.generation:
            return True
        table = self._tables.find(offered)
        return table is not None and table.node_names == picked.node_names

    async def wait(self, generation: int, *, with_risk: bool) -> int:
        """Waits until a generation, or a newer one, is complete; returns the newest that is. Bound it by the call's deadline."""
        return await (self._with_risk if with_risk else self._views).wait(generation)

    def _took(self, source: str, generation: int) -> None:
        self._on_held(source, generation)
        table, forecast = self._tables.find(generation), self._forecasts.find(generation)
        if table is None or forecast is None or forecast.node_count != len(table.node_names):
            return
        risk = self._risks.find(generation)
        if risk is not None and len(risk.risk) != len(table.node_names):
            risk = None
        prepared = _prepare(table, forecast, risk)
        _put(self._views, generation, prepared)
        if risk is not None:
            _put(self._with_risk, generation, prepared)


def _put(book: Generations[T], generation: int, value: T) -> None:
    if generation < book.newest:
        book.clear()
    book.put(generation, value)


def _prepare(table: NodeTable, forecast: ForecastTable, risk: RiskTable | None) -> PreparedView:
    ahead = outlook(forecast)
    view = ClusterView(
        table,
        cpu_p50=ahead.cpu_p50,
        cpu_p95=ahead.cpu_p95,
        memory_p50=ahead.memory_p50,
        memory_p95=ahead.memory_p95,
        risk=None if risk is None else risk.risk,
        confirmed=None if risk is None else risk.confirmed,
    )
    # Computed here and kept by the view: a decision must not be the first to ask for it.
    _ = view.facts, view.gpu_free, table.row_by_name
    return PreparedView(view, risk_masked=risk is None)
