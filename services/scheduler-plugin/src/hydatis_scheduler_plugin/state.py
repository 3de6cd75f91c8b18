"""What the shim knows of the cluster: tables, forecasts, risks, profiles and binds, as the streams bring them.

A decision must find everything ready, so whatever comes in is joined by generation right away into a ``Footing``: the newest
table that also has a forecast, or the newest table alone. Answers of different generations are never joined.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from hydatis_anomaly.risk_table import RiskTable
from hydatis_features.profile_summaries import ProfileChange
from hydatis_features.profiles import ProfileBook
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.outlook import outlook
from hydatis_placement.credit_ledger import CreditLedger
from hydatis_placement.view import ClusterView
from hydatis_serving.events import BindDelta
from hydatis_serving.generations import Generations
from hydatis_serving.logs import get_logger
from numpy.typing import NDArray

from hydatis_scheduler_plugin.host_scores import HostScores

__all__ = ["ClusterMemory", "Footing"]

_log = get_logger(__name__)
T = TypeVar("T")
#: Binds that ``saw_bound`` knows of.
_REMEMBERED_BINDS = 4096


@dataclass(frozen=True, slots=True)
class Footing:
    """What a decision can stand on."""

    view: ClusterView
    """Table, and forecast and risk of the same generation as far as they are here."""
    generations: tuple[int, ...]
    """Generations held whole (table and forecast), best first; empty: there is no forecast that may be used."""
    fresh_ratio: float
    """Share of the nodes whose measurements are fresh at the table's tick, 0..1."""
    host_scores: HostScores
    """Writes scores of the table's nodes."""
    model_versions: tuple[str, ...]
    """Models behind forecast and risk, as "name version"."""

    @property
    def generation(self) -> int:
        """Generation of the table."""
        return self.view.table.generation


class ClusterMemory:
    """Takes what the streams bring and keeps the newest footing.

    Args:
        ledger: the credits, kept by the bind deltas.
        freshness_limit_ticks: usage older than this many ticks is stale.
        forecast_lag_limit_ticks: how far the newest forecast may lag behind the newest table.
        on_held: told (source, generation) whenever something is held newly.
    """

    def __init__(
        self,
        ledger: CreditLedger,
        *,
        freshness_limit_ticks: float = 3.0,
        forecast_lag_limit_ticks: float = 2.0,
        on_held: Callable[[str, int], None] = lambda _source, _generation: None,
    ) -> None:
        self.ledger = ledger
        self.profiles = ProfileBook()
        self.tables: Generations[NodeTable] = Generations(noun="table")
        self.forecasts: Generations[ForecastTable] = Generations(noun="forecast")
        self.risks: Generations[RiskTable] = Generations(noun="risk")
        self.footing: Footing | None = None
        """What a decision made now stands on; None: no table has come."""
        self._earlier: OrderedDict[int, Footing] = OrderedDict()
        self.credits_epoch = 0
        """Rises with every change of the credits."""
        self.event_time_seconds = 0.0
        """Newest event time that anything said."""
        self._freshness_limit_ticks = freshness_limit_ticks
        self._forecast_lag_limit_ticks = forecast_lag_limit_ticks
        self._on_held = on_held
        self._changed = asyncio.Event()
        self._bound: OrderedDict[str, None] = OrderedDict()

    # --- what the streams bring

    def take_table(self, table: NodeTable) -> None:
        """A whole table. One older than the newest means that another cluster was loaded: everything else is forgotten."""
        if table.generation < self.tables.newest:
            _log.info("another cluster was loaded", generation=table.generation, before=self.tables.newest)
            self._forget_after(table.generation)
        self.tables.put(table.generation, table)
        self.event_time_seconds = max(self.event_time_seconds, float(table.generation))
        self._on_held("table", table.generation)
        self._join()

    def take_forecast(self, forecast: ForecastTable, *, fetched: bool = False) -> None:
        """The forecasts of all nodes at one tick; fetched: asked for, not streamed, and therefore perhaps overtaken."""
        if _put(self.forecasts, forecast.generation, forecast, fetched=fetched):
            self._on_held("forecast", forecast.generation)
            self._join()

    def take_risk(self, risk: RiskTable, *, fetched: bool = False) -> None:
        """The risks of all nodes at one tick; fetched: asked for, not streamed, and therefore perhaps overtaken."""
        if _put(self.risks, risk.generation, risk, fetched=fetched):
            self._on_held("risk", risk.generation)
            self._join()

    def take_delta(self, delta: BindDelta) -> None:
        """A pod bound or ended. The same again changes nothing."""
        event = delta.event
        self.event_time_seconds = max(self.event_time_seconds, event.event_time_seconds)
        if event.is_bound and delta.expected_use is not None:
            changed = self.ledger.confirm(
                event.pod, event.node_name, delta.expected_use, event.event_time_seconds, delta.generation
            )
        else:
            changed = self.ledger.end(event.pod.uid, event.event_time_seconds)
        self.credits_epoch += changed
        self._bound.pop(event.pod.uid, None)
        if event.is_bound:
            self._bound[event.pod.uid] = None
            while len(self._bound) > _REMEMBERED_BINDS:
                self._bound.popitem(last=False)

    def take_profiles(self, change: ProfileChange, replace_all: bool) -> None:
        """Profiles that changed."""
        self.profiles.apply(change, replace_all=replace_all)

    def saw_bound(self, pod_uid: str) -> bool:
        """Whether the bind of a pod was among the last ones and the pod has not ended since."""
        return pod_uid in self._bound

    def footing_of(self, generation: int) -> Footing | None:
        """The footing of a generation lately stood on; None: it is not held any more."""
        footing = self.footing
        return footing if footing is not None and footing.generation == generation else self._earlier.get(generation)

    # --- what is still missing

    def is_whole(self, generation: int, *, with_risk: bool = True) -> bool:
        """Whether table, forecast and risk of a generation, or of a later one, are here and joined."""
        footing = self.footing
        if footing is None or footing.generation < generation or not footing.generations:
            return False
        return footing.view.risk is not None or not with_risk

    def missing(self) -> tuple[str, ...]:
        """What the footing lacks: of "table", "forecast", "risk"."""
        footing = self.footing
        if footing is None:
            return ("table", "forecast", "risk")
        lacking = (("forecast", bool(footing.generations)), ("risk", footing.view.risk is not None))
        return tuple(name for name, here in lacking if not here)

    def missing_of_newest(self) -> tuple[str, ...]:
        """What the newest table lacks: of "forecast", "risk"."""
        newest = self.tables.newest
        lacking = (("forecast", newest in self.forecasts), ("risk", newest in self.risks))
        return tuple(name for name, here in lacking if not here)

    async def changed(self) -> None:
        """Returns at the next change of the footing."""
        await self._changed.wait()

    # --- joining

    def _forget_after(self, generation: int) -> None:
        self.tables.clear()
        self._earlier.clear()
        for held in (self.forecasts, self.risks):
            if held.newest > generation:
                held.clear()
        self.ledger.clear()
        self._bound.clear()
        self.credits_epoch += 1
        self.event_time_seconds = 0.0

    def _join(self) -> None:
        newest = self.tables.find(0)
        if newest is None:
            return
        oldest_allowed = newest.generation - self._forecast_lag_limit_ticks * newest.tick_seconds
        whole = tuple(g for g in self.tables.held() if g >= oldest_allowed and self._fits(g))
        table = self.tables.get(whole[0]) if whole else newest
        before = self.footing
        risk = self._risk_of(table)
        if before is not None and before.view.table is table and before.generations == whole and _same(before.view.risk, risk):
            return
        if before is not None and before.generation != table.generation:
            self._earlier[before.generation] = before
            while len(self._earlier) >= len(self.tables.held()):
                self._earlier.popitem(last=False)
        view = self._view(table, risk, with_forecast=bool(whole))
        if before is not None and before.host_scores.node_names == table.node_names:
            host_scores = before.host_scores
        else:
            host_scores = HostScores(table.node_names)
        self.footing = Footing(
            view, whole, self._fresh_ratio(table), host_scores, self._versions(table.generation, bool(whole), risk)
        )
        self._changed.set()
        self._changed = asyncio.Event()

    def _fits(self, generation: int) -> bool:
        forecast = self.forecasts.find(generation) if generation else None
        return forecast is not None and forecast.node_count == len(self.tables.get(generation).node_names)

    def _risk_of(self, table: NodeTable) -> RiskTable | None:
        risk = self.risks.find(table.generation)
        return risk if risk is not None and risk.risk.size == len(table.node_names) else None

    def _view(self, table: NodeTable, risk: RiskTable | None, *, with_forecast: bool) -> ClusterView:
        loads = outlook(self.forecasts.get(table.generation)) if with_forecast else None
        view = ClusterView(
            table,
            cpu_p50=loads.cpu_p50 if loads else None,
            cpu_p95=loads.cpu_p95 if loads else None,
            memory_p50=loads.memory_p50 if loads else None,
            memory_p95=loads.memory_p95 if loads else None,
            risk=risk.risk if risk else None,
            confirmed=risk.confirmed if risk else None,
        )
        view.prepare()
        return view

    def _fresh_ratio(self, table: NodeTable) -> float:
        if not table.node_names or "usage_age_seconds" not in table.column_index:
            return 0.0
        age = table.column("usage_age_seconds")  # NaN (never measured) is not fresh
        return float(np.mean(age <= self._freshness_limit_ticks * table.tick_seconds))

    def _versions(self, generation: int, with_forecast: bool, risk: RiskTable | None) -> tuple[str, ...]:
        named = list(self.forecasts.get(generation).model_versions) if with_forecast else []
        if risk is not None and risk.model_version:
            named.append(("anomaly-detector", risk.model_version))
        return tuple(f"{name} {version}" for name, version in named)


def _same(risk: NDArray[np.float32] | None, table: RiskTable | None) -> bool:
    return risk is (table.risk if table is not None else None)


def _put(held: Generations[T], generation: int, value: T, *, fetched: bool) -> bool:
    """Puts a value; says whether it counts.

    A streamed one older than the newest means that its series began anew. Whatever is held is of the series before, also what it
    holds of the same generation: kept, it would have the table that belongs to the new one throw that away when it comes second.
    An answer to a question that is older than the newest was overtaken by the stream, and nothing follows from it.
    """
    if generation < held.newest:
        if fetched:
            return False
        held.clear()
    held.put(generation, value)
    return True
