"""What services are asked alike, as values: some nodes of a generation, and who wants a stream.

A question may name rows, names, or neither; which of them it was is settled here, so that nothing behind it asks again.
"""

from __future__ import annotations

from hydatis.anomaly.v1 import anomaly_pb2
from hydatis.features.v1 import features_pb2
from hydatis.forecast.v1 import forecast_pb2
from hydatis_core.errors import InvalidValue

from hydatis_serving.tick_book import NodesAsked
from hydatis_serving.wire import rows_from_bytes

__all__ = ["nodes_asked_from_proto", "subscriber_from_proto"]

NodesRequest = forecast_pb2.ForecastNodesRequest | anomaly_pb2.ScoreNodesRequest
WatchRequest = features_pb2.WatchTableRequest | forecast_pb2.WatchForecastsRequest | anomaly_pb2.WatchScoresRequest


def nodes_asked_from_proto(request: NodesRequest) -> NodesAsked:
    """Which nodes are asked for; rows go before names.

    Raises:
        WrongShape, InvalidValue, Duplicate: the rows are not whole, negative or repeated; the generation is negative.
    """
    if request.generation < 0:
        raise InvalidValue(f"{request.generation} is not a generation", field="generation", expected="a tick time, or 0")
    if request.rows:
        return NodesAsked(request.generation, rows_from_bytes(request.rows))
    return NodesAsked(request.generation, node_names=tuple(request.node_names))


def subscriber_from_proto(request: WatchRequest) -> str:
    """Who subscribes.

    Raises:
        InvalidValue: it does not say.
    """
    if not request.subscriber:
        raise InvalidValue("the subscriber has no name", field="subscriber", expected="the name of a service")
    return request.subscriber
