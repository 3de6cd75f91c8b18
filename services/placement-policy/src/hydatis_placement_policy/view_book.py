"""The states that decisions are made on: the newest tables joined with their forecasts and risks, ahead of any decision.

The three arrive on three streams in any order. What a decision needs of a generation is computed once, when its table and forecast
are both here, so that a decision only gathers rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hydatis_anomaly.risk_table import RiskTable
from hydatis_core.errors import GenerationUnavailable
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.outlook import outlook
from hydatis_placement.view import ClusterView

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

    When something comes of an earlier generation than the newest of its kind, another cluster was loaded, or an earlier state was
    restored: whatever is held of later generations belongs to the past and is let go.

    Args:
        keep_count: of how many generations.
        on_held: called with a source ("table", "forecast", "risk") and its generation.
    """

    def __init__(self, keep_count: int = 3, on_held: Callable[[str, int], None] = lambda _source, _generation: None) -> None:
        self._keep_count = keep_count
        self._on_held = on_held
        self._tables: dict[int, NodeTable] = {}
        self._forecasts: dict[int, ForecastTable] = {}
        self._risks: dict[int, RiskTable] = {}
        self._views: dict[int, PreparedView] = {}
        self._waiting: list[_Waiting] = []

    def take_table(self, table: NodeTable) -> None:
        """A table is here."""
        self._keep(self._tables, table.generation, table)
        self._took("table", table.generation)

    def take_forecast(self, forecast: ForecastTable) -> None:
        """A forecast is here."""
        self._keep(self._forecasts, forecast.generation, forecast)
        self._took("forecast", forecast.generation)

    def take_risk(self, risk: RiskTable) -> None:
        """Risk scores are here."""
        self._keep(self._risks, risk.generation, risk)
        self._took("risk", risk.generation)

    def pick(self, generations: Sequence[int]) -> PreparedView:
        """The first of the generations offered that is complete here.

        Raises:
            GenerationUnavailable: none is.
        """
        for generation in generations:
            prepared = self._views.get(generation)
            if prepared is not None:
                return prepared
        held = ", ".join(map(str, sorted(self._views, reverse=True))) or "none"
        expected = f"one of those held: {held}"
        raise GenerationUnavailable("no generation offered is complete here", field="generations", expected=expected)

    def same_rows(self, offered: int, picked: NodeTable) -> bool:
        """Whether rows of the offered generation are rows of the picked table: both have the same nodes in the same order."""
        if offered == picked.generation:
            return True
        table = self._tables.get(offered)
        return table is not None and table.node_names == picked.node_names

    async def wait(self, generation: int, *, with_risk: bool) -> int:
        """Waits until a generation is complete, or a later one becomes so; returns the newest that is.

        A later one that is complete already does not count: it may be of the cluster before this one. Bound it by the call's
        deadline.
        """
        if _complete(self._views.get(generation), with_risk):
            return max(self._views)
        waiting = _Waiting(generation, with_risk, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        return await waiting.newest

    def _keep(self, book: dict[int, T], generation: int, value: T) -> None:
        if book and generation < max(book):
            for held in (self._tables, self._forecasts, self._risks, self._views):
                for later in [other for other in held if other > generation]:
                    del held[later]
        book[generation] = value
        while len(book) > self._keep_count:
            del book[min(book)]

    def _took(self, source: str, generation: int) -> None:
        self._on_held(source, generation)
        table, forecast, risk = self._tables.get(generation), self._forecasts.get(generation), self._risks.get(generation)
        if table is None or forecast is None or forecast.node_count != len(table.node_names):
            return
        prepared = _prepare(table, forecast, risk if risk is not None and len(risk.risk) == len(table.node_names) else None)
        self._keep(self._views, generation, prepared)
        self._tell(generation, prepared)

    def _tell(self, generation: int, prepared: PreparedView) -> None:
        told = [one for one in self._waiting if one.generation <= generation and _complete(prepared, one.with_risk)]
        for waiting in told:
            if not waiting.newest.done():
                waiting.newest.set_result(max(self._views))
        self._waiting = [one for one in self._waiting if one not in told and not one.newest.done()]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Somebody who waits for a generation."""

    generation: int
    with_risk: bool
    newest: asyncio.Future[int]


def _complete(prepared: PreparedView | None, with_risk: bool) -> bool:
    return prepared is not None and not (with_risk and prepared.risk_masked)


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
    view.prepare()
    return PreparedView(view, risk_masked=risk is None)
