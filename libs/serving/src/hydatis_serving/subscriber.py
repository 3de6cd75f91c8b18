"""Subscribers: the node table, forecasts and scores as they come, for ever.

Who decides needs the newest state in its own memory, and needs it again by itself after any peer dies. So a subscriber never
ends: a broken stream or a wrong message is counted, whatever was half received is dropped, and the stream is opened again
after a short, jittered pause. Callbacks run in the event loop and must be quick; one that raises a HydatisError counts as a
wrong message.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import grpc.aio
from hydatis.anomaly.v1 import anomaly_pb2, anomaly_pb2_grpc
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_features.profile_summaries import ProfileChange
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES, open_channel
from hydatis_serving.convert.anomaly import risk_from_proto
from hydatis_serving.convert.features import TableAssembly, delta_from_proto
from hydatis_serving.convert.forecast import ForecastAssembly
from hydatis_serving.convert.workload import profile_change_from_proto
from hydatis_serving.error_table import from_rpc_error
from hydatis_serving.events import BindDelta
from hydatis_serving.logs import get_logger
from hydatis_serving.metrics import StreamMetrics
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = [
    "FIRST_PAUSE_SECONDS",
    "LONGEST_PAUSE_SECONDS",
    "ForecastSubscriber",
    "RiskSubscriber",
    "StreamSubscriber",
    "TableSubscriber",
]

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

_log = get_logger(__name__)


class StreamSubscriber:
    """The part that all subscribers share: open, read, survive, open again.

    Args:
        address: ``host:port`` of the service.
        stream: name of the stream, for logs and metrics.
        metrics: where it is counted; None: nowhere.
        max_message_bytes: largest message that is taken.
        security: by which certificate it dials, and whom it believes.
    """

    def __init__(
        self,
        address: str,
        stream: str,
        *,
        metrics: StreamMetrics | None = None,
        security: TransportSecurity = PLAIN,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> None:
        self.address = address
        self.stream = stream
        self.connected = False
        """Whether the stream delivers: true from its first message until it breaks."""
        self.reconnects_count = 0
        """Times that the stream broke."""
        self.bad_messages_count = 0
        """Messages that were refused."""
        self._metrics = metrics
        self._max_message_bytes = max_message_bytes
        self._security = security
        self._task: asyncio.Task[None] | None = None
        self._pause_seconds = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Begins to subscribe, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self.run(), name=f"subscriber-{self.stream}")

    async def stop(self) -> None:
        """Ends the subscription."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def run(self) -> None:
        """Subscribes until cancelled."""
        channel = open_channel(self.address, self._max_message_bytes, security=self._security)
        try:
            while True:
                reason = await self._subscribe(channel)
                self._set_connected(False)
                self.reconnects_count += 1
                if self._metrics is not None:
                    self._metrics.reconnects.labels(self.stream).inc()
                _log.warning("stream broke", stream=self.stream, address=self.address, reason=reason)
                # Full jitter keeps the subscribers of a service that comes back from calling all at once.
                await asyncio.sleep(self._pause_seconds * random.uniform(0.5, 1.0))
                self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        finally:
            self._set_connected(False)
            await channel.close()

    def open_call(self, channel: grpc.aio.Channel) -> Any:
        """Opens the stream and forgets what was half received before."""
        raise NotImplementedError

    def take(self, message: Any) -> bool:
        """Takes one message; a HydatisError refuses it. Returns whether something was received whole with it."""
        raise NotImplementedError

    async def _subscribe(self, channel: grpc.aio.Channel) -> str:
        call = self.open_call(channel)
        try:
            async for message in call:
                if self.take(message):
                    # Not before: a stream that breaks at the same message every time must be opened ever more slowly.
                    self._pause_seconds = FIRST_PAUSE_SECONDS
                if not self.connected:
                    self._set_connected(True)
        except grpc.aio.AioRpcError as error:
            return str(from_rpc_error(error))
        except HydatisError as error:
            self._count_bad_message()
            return f"{type(error).__name__}: {error}"
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return "the channel was renewed"
        except Exception as error:  # a defect of a callback must not end the subscription for good
            self._count_bad_message()
            _log.exception("a message could not be used", stream=self.stream)
            return type(error).__name__
        finally:
            call.cancel()
        return "the service ended the stream"

    def _count_bad_message(self) -> None:
        self.bad_messages_count += 1
        if self._metrics is not None:
            self._metrics.bad_messages.labels(self.stream).inc()

    def _set_connected(self, connected: bool) -> None:
        self.connected = connected
        if self._metrics is not None:
            self._metrics.connected.labels(self.stream).set(connected)


class TableSubscriber(StreamSubscriber):
    """Subscribes to the node table, bind deltas and profiles of feature-service.

    Args:
        address: ``host:port`` of feature-service.
        subscriber: name of the service that subscribes.
        on_table: gets each whole table.
        on_delta: gets each bind delta, in order.
        on_profiles: gets each change of profiles, and whether all held before must be dropped first.
        metrics: where it is counted; None: nowhere.
        security: by which certificate it dials, and whom it believes.
    """

    def __init__(
        self,
        address: str,
        subscriber: str,
        on_table: Callable[[NodeTable], None],
        on_delta: Callable[[BindDelta], None] | None = None,
        on_profiles: Callable[[ProfileChange, bool], None] | None = None,
        *,
        metrics: StreamMetrics | None = None,
        security: TransportSecurity = PLAIN,
    ) -> None:
        super().__init__(address, "table", metrics=metrics, security=security)
        tables_only = on_delta is None and on_profiles is None
        self._request = features_pb2.WatchTableRequest(subscriber=subscriber, tables_only=tables_only)
        self._on_table = on_table
        self._on_delta = on_delta
        self._on_profiles = on_profiles
        self._assembly: TableAssembly | None = None

    def open_call(self, channel: grpc.aio.Channel) -> Any:
        """Opens WatchTable."""
        self._assembly = None
        return features_pb2_grpc.FeatureServiceStub(channel).WatchTable(self._request, wait_for_ready=True)

    def take(self, message: features_pb2.WatchTableResponse) -> bool:
        """Takes one step of the stream; a step of an unknown kind is skipped."""
        kind = message.WhichOneof("event")
        if kind == "begin":
            self._assembly = TableAssembly(message.begin)
        elif kind == "chunk":
            self._assembling().take(message.chunk)
        elif kind == "commit":
            table = self._assembling().commit(message.commit)
            self._assembly = None
            self._on_table(table)
        elif kind == "delta" and self._on_delta is not None:
            self._on_delta(delta_from_proto(message.delta))
        elif kind == "profiles" and self._on_profiles is not None:
            self._on_profiles(*profile_change_from_proto(message.profiles))
        return kind == "commit"

    def _assembling(self) -> TableAssembly:
        if self._assembly is None:
            raise InvalidValue("rows came before their table began", field="event", expected="begin")
        return self._assembly


class ForecastSubscriber(StreamSubscriber):
    """Subscribes to the forecasts of all nodes.

    Args:
        address: ``host:port`` of the forecaster.
        subscriber: name of the service that subscribes.
        on_forecast: gets each whole forecast.
        metrics: where it is counted; None: nowhere.
        security: by which certificate it dials, and whom it believes.
    """

    def __init__(
        self,
        address: str,
        subscriber: str,
        on_forecast: Callable[[ForecastTable], None],
        *,
        metrics: StreamMetrics | None = None,
        security: TransportSecurity = PLAIN,
    ) -> None:
        super().__init__(address, "forecast", metrics=metrics, security=security)
        self._request = forecast_pb2.WatchForecastsRequest(subscriber=subscriber)
        self._on_forecast = on_forecast
        self._assembly: ForecastAssembly | None = None

    def open_call(self, channel: grpc.aio.Channel) -> Any:
        """Opens WatchForecasts."""
        self._assembly = None
        return forecast_pb2_grpc.ForecastServiceStub(channel).WatchForecasts(self._request, wait_for_ready=True)

    def take(self, message: forecast_pb2.WatchForecastsResponse) -> bool:
        """Takes one part; a part from row 0 begins a new forecast."""
        if message.first_row == 0:
            self._assembly = ForecastAssembly(message)
        if self._assembly is None:
            raise InvalidValue("a part came before its first", field="first_row", expected="0")
        forecast = self._assembly.take(message)
        if forecast is not None:
            self._assembly = None
            self._on_forecast(forecast)
        return forecast is not None


class RiskSubscriber(StreamSubscriber):
    """Subscribes to the scores of all nodes.

    Args:
        address: ``host:port`` of the anomaly detector.
        subscriber: name of the service that subscribes.
        on_risk: gets each tick's scores.
        metrics: where it is counted; None: nowhere.
        security: by which certificate it dials, and whom it believes.
    """

    def __init__(
        self,
        address: str,
        subscriber: str,
        on_risk: Callable[[RiskTable], None],
        *,
        metrics: StreamMetrics | None = None,
        security: TransportSecurity = PLAIN,
    ) -> None:
        super().__init__(address, "risk", metrics=metrics, security=security)
        self._request = anomaly_pb2.WatchScoresRequest(subscriber=subscriber)
        self._on_risk = on_risk

    def open_call(self, channel: grpc.aio.Channel) -> Any:
        """Opens WatchScores."""
        return anomaly_pb2_grpc.AnomalyServiceStub(channel).WatchScores(self._request, wait_for_ready=True)

    def take(self, message: anomaly_pb2.WatchScoresResponse) -> bool:
        """Takes one tick's scores."""
        self._on_risk(risk_from_proto(message))
        return True
