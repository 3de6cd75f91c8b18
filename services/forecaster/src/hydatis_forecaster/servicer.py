"""hydatis.forecast.v1 as a servicer: convert, call, convert.

What an RPC means is decided behind it; what an error becomes is decided around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.asking import nodes_asked_from_proto, subscriber_from_proto
from hydatis_serving.tick_book import TickBook

from hydatis_forecaster.convert import found_to_proto

__all__ = ["ForecastServicer", "Parts"]

#: One forecast as the messages of its stream.
Parts = Sequence[forecast_pb2.WatchForecastsResponse]


class ForecastServicer(forecast_pb2_grpc.ForecastServiceServicer):
    """Answers from the book, and streams the newest."""

    def __init__(self, book: TickBook[ForecastTable], newest: Latest[Parts]) -> None:
        self._book = book
        self._newest = newest

    async def ForecastNodes(self, request: forecast_pb2.ForecastNodesRequest, context: Any) -> forecast_pb2.ForecastNodesResponse:
        """Forecasts of some nodes."""
        return found_to_proto(self._book.find(nodes_asked_from_proto(request)))

    async def WatchForecasts(
        self, request: forecast_pb2.WatchForecastsRequest, context: Any
    ) -> AsyncIterator[forecast_pb2.WatchForecastsResponse]:
        """Each tick's forecasts."""
        subscriber_from_proto(request)
        async for parts in self._newest.subscribe():
            for part in parts:
                yield part
