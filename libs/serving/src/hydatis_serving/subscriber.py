"""Subscribers: the node table, forecasts and scores as they come, for ever.

Callbacks run in the event loop and must be quick; one that raises a HydatisError counts as a wrong message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc.aio
from hydatis.anomaly.v1 import anomaly_pb2, anomaly_pb2_grpc
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from hydatis_core.errors import InvalidValue
from hydatis_features.profile_summaries import ProfileChange
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable

from hydatis_serving.convert.anomaly import risk_from_proto
from hydatis_serving.convert.features import TableAssembly, delta_from_proto
from hydatis_serving.convert.forecast import ForecastAssembly
from hydatis_serving.convert.workload import profile_change_from_proto
from hydatis_serving.events import BindDelta
from hydatis_serving.metrics import StreamMetrics
from hydatis_serving.stream_subscriber import StreamSubscriber
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = ["ForecastSubscriber", "RiskSubscriber", "TableSubscriber"]


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
