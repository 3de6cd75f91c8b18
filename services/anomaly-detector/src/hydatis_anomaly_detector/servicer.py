"""hydatis.anomaly.v1 as a servicer: convert, call, convert.

What an RPC means is decided behind it; what an error becomes is decided around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from hydatis.anomaly.v1 import anomaly_pb2, anomaly_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.asking import nodes_asked_from_proto, subscriber_from_proto
from hydatis_serving.tick_book import TickBook

from hydatis_anomaly_detector.convert import found_to_proto

__all__ = ["AnomalyServicer"]


class AnomalyServicer(anomaly_pb2_grpc.AnomalyServiceServicer):
    """Answers from the book, and streams the newest."""

    def __init__(self, book: TickBook[RiskTable], newest: Latest[anomaly_pb2.WatchScoresResponse]) -> None:
        self._book = book
        self._newest = newest

    async def ScoreNodes(self, request: anomaly_pb2.ScoreNodesRequest, context: Any) -> anomaly_pb2.ScoreNodesResponse:
        """Scores of some nodes."""
        return found_to_proto(self._book.find(nodes_asked_from_proto(request)))

    async def WatchScores(
        self, request: anomaly_pb2.WatchScoresRequest, context: Any
    ) -> AsyncIterator[anomaly_pb2.WatchScoresResponse]:
        """Each tick's scores."""
        subscriber_from_proto(request)
        async for message in self._newest.subscribe():
            yield message
