"""Client of the anomaly detector: how anomalous nodes are.

In steady state scores come by stream; this call is for a generation that the stream has not brought yet.
"""

from __future__ import annotations

import numpy as np
from hydatis.anomaly.v1 import anomaly_pb2, anomaly_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from numpy.typing import NDArray

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES
from hydatis_serving.clients.service_client import ServiceClient
from hydatis_serving.convert.anomaly import risk_response_from_proto
from hydatis_serving.transport_security import PLAIN, TransportSecurity
from hydatis_serving.wire import to_int32_bytes

__all__ = ["AnomalyClient"]


class AnomalyClient(ServiceClient):
    """Asks for scores."""

    def __init__(
        self, address: str, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES, *, security: TransportSecurity = PLAIN
    ) -> None:
        super().__init__(address, max_message_bytes, security=security)
        self._stub = anomaly_pb2_grpc.AnomalyServiceStub(self.channel)

    async def score_nodes(self, rows: NDArray[np.int32] | None = None, *, generation: int = 0, timeout_seconds: float) -> RiskTable:
        """Scores of some nodes, as a table whose rows are in the order asked for.

        Args:
            rows: rows of the generation; None: all nodes.
            generation: which; 0: the newest.
            timeout_seconds: how long it may take.

        Raises:
            GenerationUnavailable: there are no scores of that generation yet, or any more.
            UnknownNode: a row is not in it.
        """
        request = anomaly_pb2.ScoreNodesRequest(generation=generation, rows=b"" if rows is None else to_int32_bytes(rows))
        return await self.call(
            self._stub.ScoreNodes, request, timeout_seconds, lambda answer: risk_response_from_proto(answer, rows)
        )
