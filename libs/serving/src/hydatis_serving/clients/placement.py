"""Client of placement-policy: the one call of a decision in steady state."""

from __future__ import annotations

from collections.abc import Sequence

from hydatis.placement.v1 import placement_pb2, placement_pb2_grpc

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES, call_unary
from hydatis_serving.clients.service_client import ServiceClient
from hydatis_serving.convert.placement import rank_answer_from_proto, rank_request_to_proto
from hydatis_serving.ranking import AwaitedGeneration, RankAnswer, RankQuery
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = ["PlacementClient"]


class PlacementClient(ServiceClient):
    """Asks for rankings."""

    def __init__(
        self, address: str, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES, *, security: TransportSecurity = PLAIN
    ) -> None:
        super().__init__(address, max_message_bytes, security=security)
        self._stub = placement_pb2_grpc.PlacementServiceStub(self.channel)

    async def rank_nodes(self, queries: Sequence[RankQuery], generations: Sequence[int], *, timeout_seconds: float) -> RankAnswer:
        """Utilities of the candidates of each pod.

        Args:
            queries: the pods, at least one; each is ranked as if the others were not there.
            generations: generations that the caller holds whole, best first; rows and credits hold for the first.
            timeout_seconds: how long it may take.

        Raises:
            GenerationUnavailable: none of the generations is complete there.
            InvalidValue, WrongShape, UnknownNode, Duplicate: a field is wrong.
            TooLate, DependencyUnavailable: no answer in time.
        """
        request = rank_request_to_proto(queries, generations)
        counts = [query.rows.size or len(query.node_names) for query in queries]
        return await self.call(
            self._stub.RankNodes, request, timeout_seconds, lambda answer: rank_answer_from_proto(answer, counts)
        )

    async def await_generation(self, generation: int, *, with_risk: bool = False, timeout_seconds: float) -> AwaitedGeneration:
        """Waits until a generation is whole there.

        Raises:
            TooLate: it is not there in time.
        """
        request = placement_pb2.AwaitGenerationRequest(generation=generation, with_risk=with_risk)
        answer = await call_unary(self._stub.AwaitGeneration, request, timeout_seconds, self.address)
        return AwaitedGeneration(answer.generation, answer.model_version)
