"""hydatis.features.v1 as servicers: convert, call, convert.

What an RPC means is decided behind them; what an error becomes is decided around them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis_serving.convert.asking import subscriber_from_proto
from hydatis_serving.convert.features import features_response_to_proto

from hydatis_feature_service.convert import (
    Step,
    cluster_from_proto,
    events_from_proto,
    rows_asked,
    scrape_from_proto,
)
from hydatis_feature_service.replay_source import ReplayCluster, ReplayMetrics
from hydatis_feature_service.table_stream import TableStream

__all__ = ["FeatureServicer", "ReplaySourceServicer"]


class FeatureServicer(features_pb2_grpc.FeatureServiceServicer):
    """Streams the table, and answers for single rows of it."""

    def __init__(self, stream: TableStream) -> None:
        self._stream = stream

    async def WatchTable(self, request: features_pb2.WatchTableRequest, context: Any) -> AsyncIterator[Step]:
        """The table and everything that happens to it."""
        subscriber_from_proto(request)
        async for step in self._stream.subscribe(tables_only=request.tables_only):
            yield step

    async def GetNodeFeatures(
        self, request: features_pb2.GetNodeFeaturesRequest, context: Any
    ) -> features_pb2.GetNodeFeaturesResponse:
        """Rows of one generation."""
        table = self._stream.table(request.generation)
        return features_response_to_proto(table, rows_asked(request, table))


class ReplaySourceServicer(features_pb2_grpc.ReplaySourceServiceServicer):
    """Takes what the driver of a replay says."""

    def __init__(self, cluster: ReplayCluster, metrics: ReplayMetrics) -> None:
        self._cluster = cluster
        self._metrics = metrics

    async def LoadCluster(self, request: features_pb2.LoadClusterRequest, context: Any) -> features_pb2.LoadClusterResponse:
        """Begins anew with a cluster."""
        return features_pb2.LoadClusterResponse(node_count=await self._cluster.load(cluster_from_proto(request)))

    async def ReportPodEvents(
        self, request: features_pb2.ReportPodEventsRequest, context: Any
    ) -> features_pb2.ReportPodEventsResponse:
        """Takes pods bound and ended."""
        return features_pb2.ReportPodEventsResponse(generation=await self._cluster.report(events_from_proto(request)))

    async def AdvanceTick(self, request: features_pb2.AdvanceTickRequest, context: Any) -> features_pb2.AdvanceTickResponse:
        """Takes one tick's samples."""
        return features_pb2.AdvanceTickResponse(generation=await self._metrics.advance(scrape_from_proto(request)))
