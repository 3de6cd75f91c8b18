"""The SDK's ModelServer, brought up inside a process like all others.

``ModelServer.start`` listens on every interface, takes the signals and runs an event loop of its own. What is wanted is its
registry, data plane and endpoints; so this subclass keeps them and replaces only how the two sides listen: gRPC by the server that
all services share (deadlines, traces, metrics, error table, health, reflection), REST by ``rest.RestSide``.
"""

from __future__ import annotations

from hydatis_serving.connection_guard import ConnectionGuard
from hydatis_serving.server import GrpcServer
from hydatis_serving.transport_security import service_security
from kserve.model_server import ModelServer
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from kserve.protocol.rest.server import RESTServer
from prometheus_client import CollectorRegistry

from hydatis_model_server.model import ServedModel
from hydatis_model_server.repository import OneModelRepository
from hydatis_model_server.rest import OpenInferenceDataPlane, RestSide
from hydatis_model_server.servicer import OpenInferenceServicer
from hydatis_model_server.settings import ModelServerSettings

__all__ = ["SERVICE_FULL_NAME", "OpenInferenceServer"]

SERVICE_FULL_NAME = "inference.GRPCInferenceService"


class OpenInferenceServer(ModelServer):  # type: ignore[misc]  # the SDK has no types
    """Both sides of the protocol, for one model.

    Args:
        settings: host, ports and limits.
        model: the model.
        registry: the process's metrics.
    """

    def __init__(self, settings: ModelServerSettings, model: ServedModel, registry: CollectorRegistry) -> None:
        grace_seconds = max(1, round(settings.stop_grace_seconds))
        super().__init__(
            http_port=settings.http_port,
            grpc_port=settings.grpc_port,
            registered_models=OneModelRepository(),
            enable_latency_logging=False,
            event_loop="uvloop",
            grace_period=grace_seconds,
        )
        self.register_model(model)
        self.dataplane = OpenInferenceDataPlane(self.registered_models)
        rest = RESTServer("", self.dataplane, self.model_repository_extension, settings.http_port, grace_period=grace_seconds)
        self._security = security = service_security(settings, registry)
        most_count = settings.max_connections_count
        guard = ConnectionGuard(most_count, (most_count + 1) // 2, settings.arrival_seconds)
        self.rest = RestSide(rest, settings.host, settings.http_port, settings.max_message_bytes, guard, security.server_context())
        self.grpc = GrpcServer(settings, registry, security=security)
        servicer = OpenInferenceServicer(self.dataplane, self.model_repository_extension, model)
        self.grpc.add(lambda server: add_GRPCInferenceServiceServicer_to_server(servicer, server), SERVICE_FULL_NAME)

    async def start_serving(self) -> None:
        """Listens on both sides and says that it is ready.

        Raises:
            DependencyUnavailable: a port is taken.
        """
        self._security.start()
        await self.grpc.start()
        await self.rest.start()
        await self.grpc.set_ready(True)

    async def stop_serving(self) -> None:
        """Stops both sides; calls in flight finish within the grace."""
        await self.grpc.stop()
        await self.rest.stop()
        await self._security.stop()
