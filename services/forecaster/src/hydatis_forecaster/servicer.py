"""hydatis.forecast.v1 as a servicer: convert, call, convert.

What an RPC means is decided behind it; what an error becomes is decided around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.forecast import forecast_response_to_proto

from hydatis_forecaster.convert import nodes_asked_from_proto, subscriber_from_proto
from hydatis_forecaster.forecast_book import ForecastBook

__all__ = ["ForecastServicer", "Parts"]

#: One forecast as the messages of its stream.
Parts = Sequence[forecast_pb2.WatchForecastsResponse]


class ForecastServicer(forecast_pb2_grpc.ForecastServiceServicer):
    """Answers from the book, and streams the newest."""

    def __init__(self, book: ForecastBook, newest: Latest[Parts]) -> None:
        self._book = book
        self._newest = newest

    async def ForecastNodes(self, request: forecast_pb2.ForecastNodesRequest, context: Any) -> forecast_pb2.ForecastNodesResponse:
        """Forecasts of some nodes."""
        asked = nodes_asked_from_proto(request)
        found = self._book.find(asked.generation, asked.rows, asked.node_names)
        return forecast_response_to_proto(found.forecast, found.rows)

    async def WatchForecasts(
        self, request: forecast_pb2.WatchForecastsRequest, context: Any
    ) -> AsyncIterator[forecast_pb2.WatchForecastsResponse]:
        """Each tick's forecasts."""
        subscriber_from_proto(request)
        async for parts in self._newest.subscribe():
            for part in parts:
                yield part
