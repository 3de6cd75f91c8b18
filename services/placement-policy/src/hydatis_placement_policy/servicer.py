"""hydatis.placement.v1 as a servicer: convert, call, convert.

What an RPC means is decided behind it; what an error becomes is decided around it.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from hydatis.placement.v1 import placement_pb2, placement_pb2_grpc
from hydatis_serving.convert.placement import rank_answer_to_proto, rank_request_from_proto
from hydatis_serving.ranking import AwaitedGeneration

from hydatis_placement_policy.convert import awaited_from_proto, awaited_to_proto
from hydatis_placement_policy.placement_metrics import PlacementMetrics
from hydatis_placement_policy.policy import Policy
from hydatis_placement_policy.ranking import Ranker
from hydatis_placement_policy.view_book import ViewBook

__all__ = ["PlacementServicer"]


class PlacementServicer(placement_pb2_grpc.PlacementServiceServicer):
    """Ranks, and says when a generation is here."""

    def __init__(self, ranker: Ranker, views: ViewBook, policy: Policy, metrics: PlacementMetrics) -> None:
        self._metrics = metrics
        self._ranker = ranker
        self._views = views
        self._policy = policy

    async def RankNodes(self, request: placement_pb2.RankNodesRequest, context: Any) -> placement_pb2.RankNodesResponse:
        """Utilities of the candidates of each pod."""
        began = perf_counter()
        queries, generations = rank_request_from_proto(request)
        self._metrics.staged("placement_read", perf_counter() - began)
        answer = await self._ranker.rank(generations, queries, context.time_remaining())
        ranked = perf_counter()
        response = rank_answer_to_proto(answer)
        self._metrics.staged("placement_answer", perf_counter() - ranked)
        return response

    async def AwaitGeneration(
        self, request: placement_pb2.AwaitGenerationRequest, context: Any
    ) -> placement_pb2.AwaitGenerationResponse:
        """Returns once a generation is complete here; the deadline is the caller's."""
        generation, with_risk = awaited_from_proto(request)
        newest = await self._views.wait(generation, with_risk=with_risk)
        return awaited_to_proto(AwaitedGeneration(newest, self._policy.local_version))
