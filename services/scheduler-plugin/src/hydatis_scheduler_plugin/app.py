"""The composition root: the one place where the plugin's objects are made and joined.

The HTTP port opens first and closes first: from the first moment there is an answer (abstaining is one), and on stop the
requests in flight finish before anything they need goes away.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hydatis_placement.credit_ledger import CreditLedger
from hydatis_serving.admin_access import admin_gate
from hydatis_serving.clients import AnomalyClient, BindDelta, ForecastClient, PlacementClient
from hydatis_serving.decisions import DecisionLog
from hydatis_serving.kube.service_account import ServiceAccount
from hydatis_serving.metrics import new_registry
from hydatis_serving.stream_subscriber import StreamSubscriber
from hydatis_serving.subscriber import ForecastSubscriber, RiskSubscriber, TableSubscriber
from hydatis_serving.transport_security import service_security
from opentelemetry import trace

from hydatis_scheduler_plugin.breaker import Breaker
from hydatis_scheduler_plugin.decision import DecisionDesk
from hydatis_scheduler_plugin.fan_out import FanOut, Peer
from hydatis_scheduler_plugin.generation_wait import GenerationWait
from hydatis_scheduler_plugin.http_door import HttpDoor
from hydatis_scheduler_plugin.plugin_metrics import PluginMetrics
from hydatis_scheduler_plugin.policy_watch import PolicyWatch
from hydatis_scheduler_plugin.ranker import Ranker
from hydatis_scheduler_plugin.ranking import Ranking
from hydatis_scheduler_plugin.ranking_cache import RankingCache
from hydatis_scheduler_plugin.readiness import Readiness
from hydatis_scheduler_plugin.records import Recorder
from hydatis_scheduler_plugin.servicer import ExtenderServicer
from hydatis_scheduler_plugin.settings import SchedulerPluginSettings
from hydatis_scheduler_plugin.state import ClusterMemory

__all__ = ["SchedulerPluginApp"]

NAME = "scheduler-plugin"


class SchedulerPluginApp:
    """The plugin; make it inside the event loop that runs it.

    Args:
        settings: what it was told.
        clock: monotonic seconds.
        wall_clock: Unix seconds, event time when ``settings.live``.
        tracer: makes spans; None: the process's own.
    """

    def __init__(
        self,
        settings: SchedulerPluginSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        tracer: trace.Tracer | None = None,
    ) -> None:
        self._settings = settings
        self.metrics = metrics = PluginMetrics(new_registry(NAME, "0.1.0"))
        self._security = security = service_security(settings, metrics.registry)
        self.memory = memory = ClusterMemory(
            CreditLedger(provisional_seconds=settings.provisional_seconds),
            freshness_limit_ticks=settings.freshness_limit_ticks,
            forecast_lag_limit_ticks=settings.forecast_lag_limit_ticks,
            on_held=metrics.generations.held,
        )
        event_clock = wall_clock if settings.live else lambda: memory.event_time_seconds
        self._watch = PolicyWatch(
            Path(settings.policy_file) if settings.policy_file else None,
            metrics.policy_read,
            settings.policy_config_map,
            ServiceAccount(Path(settings.service_account_dir)),
            wall_clock,
        )
        self._own_folder = None if settings.decisions_dir else tempfile.TemporaryDirectory(prefix="hydatis-decisions-")
        folder = Path(settings.decisions_dir or (self._own_folder.name if self._own_folder else ""))
        self.recorder = Recorder(DecisionLog(folder, total_bytes=settings.decisions_limit_bytes), settings.full_input_ratio)
        self._placement = PlacementClient(settings.placement_address, security=security)
        self._forecasts = ForecastClient(settings.forecaster_address, security=security)
        self._risks = AnomalyClient(settings.anomaly_address, security=security)
        self._fan_out = FanOut(
            memory,
            tuple(
                Peer(name, fetch, clock, on_result=lambda peer, result: metrics.fan_out.labels(peer, result).inc())
                for name, fetch in (("forecast", self._fetch_forecast), ("risk", self._fetch_risk))
            ),
        )
        self._breaker = Breaker(
            self._probe,
            failures_to_open=settings.breaker_failures,
            probe_seconds=settings.breaker_probe_ms / 1000,
            on_change=metrics.breaker_open.set,
        )
        self._ranker = ranker = Ranker(
            memory,
            self._fan_out,
            self._placement,
            self._breaker,
            clock=clock,
            event_clock=event_clock,
            on_stage=metrics.staged,
            live=settings.live,
            freshness_limit_ticks=settings.freshness_limit_ticks,
            fresh_nodes_ratio=settings.fresh_nodes_ratio,
            fan_out_share_ratio=settings.fan_out_share_ratio,
        )
        cache: RankingCache[Ranking] = RankingCache(expiry_seconds=settings.cache_expiry_seconds)
        desk = DecisionDesk(
            watch=self._watch,
            memory=memory,
            ranker=ranker,
            cache=cache,
            recorder=self.recorder,
            metrics=metrics,
            clock=clock,
            budget_ms=settings.decision_budget_ms,
            tracer=tracer or trace.get_tracer(NAME),
        )
        streams = metrics.streams
        self._streams: dict[str, StreamSubscriber] = {
            "table": TableSubscriber(
                settings.features_address,
                NAME,
                memory.take_table,
                self._take_delta,
                memory.take_profiles,
                metrics=streams,
                security=security,
            ),
            "forecast": ForecastSubscriber(
                settings.forecaster_address, NAME, memory.take_forecast, metrics=streams, security=security
            ),
            "risk": RiskSubscriber(settings.anomaly_address, NAME, memory.take_risk, metrics=streams, security=security),
        }
        readiness = Readiness(
            memory=memory,
            ranker=ranker,
            breaker=self._breaker,
            watch=self._watch,
            recorder=self.recorder,
            streams=self._streams,
            event_clock=event_clock,
        )
        servicer = ExtenderServicer(
            desk=desk,
            waits=GenerationWait(memory, self._placement, clock),
            recorder=self.recorder,
            readiness=readiness,
            metrics=metrics,
            gpu_resources=settings.gpu_resources,
            max_decisions_count=settings.max_decisions_count,
            after_answer=asyncio.get_running_loop().call_soon,
        )
        self._door = HttpDoor(
            settings.host,
            settings.http_port,
            servicer.routes(settings.url_prefix),
            gate=admin_gate(settings),
            max_body_bytes=settings.max_body_bytes,
            max_connections_count=settings.max_connections_count,
            arrival_seconds=settings.arrival_seconds,
            stop_grace_seconds=settings.stop_grace_seconds,
            on_answer=metrics.answered,
            ssl_context=security.server_context(certificate_optional=True),
            certificates_required=security.mutual,
        )
        metrics.refused_connections.set_function(lambda: self._door.refused_connections_count)

    @property
    def http_port(self) -> int:
        """Port that it listens on, once started."""
        return self._door.port

    async def start(self) -> None:
        """Listens, watches the policy file, subscribes.

        Raises:
            DependencyUnavailable: the port is taken.
        """
        self._security.start()
        await self._door.start()
        self._watch.start()
        for stream in self._streams.values():
            stream.start()

    async def stop(self) -> None:
        """Stops in order: requests in flight finish first."""
        await self._door.stop()
        await self._watch.stop()
        await self._breaker.stop()
        await self._fan_out.stop()
        await asyncio.gather(*(stream.stop() for stream in self._streams.values()))
        await asyncio.gather(self._placement.close(), self._forecasts.close(), self._risks.close())
        await self.recorder.close()
        await self._security.stop()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def _take_delta(self, delta: BindDelta) -> None:
        self.memory.take_delta(delta)
        if delta.event.is_bound:
            self.recorder.bound(delta.event.pod.uid, delta.event.node_name)

    async def _probe(self) -> None:
        await self._ranker.probe()

    async def _fetch_forecast(self, generation: int, timeout_seconds: float) -> None:
        forecast = await self._forecasts.forecast_nodes(generation=generation, timeout_seconds=timeout_seconds)
        self.memory.take_forecast(forecast, fetched=True)

    async def _fetch_risk(self, generation: int, timeout_seconds: float) -> None:
        risk = await self._risks.score_nodes(generation=generation, timeout_seconds=timeout_seconds)
        self.memory.take_risk(risk, fetched=True)
