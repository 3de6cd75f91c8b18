"""What the tests of this room share: a real server on a free port, and a forecaster whose answer a test decides."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_serving.metrics import new_registry
from hydatis_serving.server import GrpcServer
from hydatis_serving.settings import ServiceSettings
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

FORECAST_SERVICE = "hydatis.forecast.v1.ForecastService"

Answer = Callable[[forecast_pb2.ForecastNodesRequest], Awaitable[forecast_pb2.ForecastNodesResponse]]


class Forecaster(forecast_pb2_grpc.ForecastServiceServicer):
    """Answers as it is told."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    async def ForecastNodes(self, request: Any, context: Any) -> Any:
        return await self.answer(request)


class Running:
    """A server that runs, and what it counts."""

    def __init__(self, server: GrpcServer, registry: CollectorRegistry) -> None:
        self.server = server
        self.registry = registry
        self.address = f"127.0.0.1:{server.port}"

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


Serve = Callable[..., Awaitable[Running]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers: ``await serve(registration, service_full_name, port=..., tracer=..., **settings)``."""
    servers: list[GrpcServer] = []

    async def start(registration: Any, name: str, *, port: int = 0, tracer: Any = None, **settings: Any) -> Running:
        registry = new_registry()
        server = GrpcServer(ServiceSettings(grpc_port=port, **settings), registry, tracer)
        server.add(registration, name)
        await server.start()
        await server.set_ready(True)
        servers.append(server)
        return Running(server, registry)

    yield start
    for server in servers:
        await server.stop(0)


@pytest.fixture
def forecaster(serve: Serve) -> Serve:
    """Starts a forecaster: ``await forecaster(answer, ...)``."""

    async def start(answer: Answer, **settings: Any) -> Running:
        servicer = Forecaster(answer)
        return await serve(
            lambda s: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(servicer, s), FORECAST_SERVICE, **settings
        )

    return start


@pytest.fixture
def spans() -> tuple[TracerProvider, InMemorySpanExporter]:
    """A tracer provider whose spans stay in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter
