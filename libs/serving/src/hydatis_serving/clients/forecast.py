"""Client of the forecaster: what nodes will use.

In steady state forecasts come by stream; this call is for a generation that the stream has not brought yet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_forecasting.forecast_table import ForecastTable
from numpy.typing import NDArray

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES
from hydatis_serving.clients.service_client import ServiceClient
from hydatis_serving.convert.forecast import forecast_response_from_proto
from hydatis_serving.transport_security import PLAIN, TransportSecurity
from hydatis_serving.wire import to_int32_bytes

__all__ = ["ForecastClient"]


class ForecastClient(ServiceClient):
    """Asks for forecasts."""

    def __init__(
        self, address: str, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES, *, security: TransportSecurity = PLAIN
    ) -> None:
        super().__init__(address, max_message_bytes, security=security)
        self._stub = forecast_pb2_grpc.ForecastServiceStub(self.channel)

    async def forecast_nodes(
        self,
        rows: NDArray[np.int32] | None = None,
        *,
        node_names: Sequence[str] = (),
        generation: int = 0,
        timeout_seconds: float,
    ) -> ForecastTable:
        """Forecasts of some nodes, as a table whose rows are in the order asked for.

        Args:
            rows: rows of the generation; None: ``node_names`` says which.
            node_names: names, used when ``rows`` is None; both missing: all nodes.
            generation: which; 0: the newest.
            timeout_seconds: how long it may take.

        Raises:
            GenerationUnavailable: there is no forecast of that generation yet, or any more.
            UnknownNode: a node is not in it.
        """
        request = forecast_pb2.ForecastNodesRequest(
            generation=generation, rows=b"" if rows is None else to_int32_bytes(rows), node_names=node_names
        )
        return await self.call(self._stub.ForecastNodes, request, timeout_seconds, forecast_response_from_proto)
