"""The gRPC server of a service: what is the same for all of them.

Health, reflection, message limits, the interceptor and the HTTP endpoint belong to every service, so a composition root only
adds its servicers. On stop, health says so first and calls in flight finish, because a caller that is told in time goes
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from hydatis_core.errors import DependencyUnavailable
from opentelemetry import trace
from prometheus_client import CollectorRegistry

from hydatis_serving.admin_access import admin_gate
from hydatis_serving.http_endpoint import HttpEndpoint
from hydatis_serving.interception import CallInterceptor
from hydatis_serving.metrics import RpcMetrics
from hydatis_serving.settings import ServiceSettings
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = ["GrpcServer", "server_options"]


def server_options(max_message_bytes: int) -> list[tuple[str, Any]]:
    """Options of every server of ours: its message limit, and leave for clients to ask often whether it lives."""
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 250),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),
        # What one connection may hold: metadata beyond these bytes and calls beyond this number are refused by gRPC itself.
        ("grpc.max_metadata_size", 2**14),
        ("grpc.absolute_max_metadata_size", 2**15),
        ("grpc.max_concurrent_streams", 256),
        # Who connects and says nothing is cut off; gRPC's own patience is two minutes.
        ("grpc.server_handshake_timeout_ms", 10_000),
        # A subscriber that fell silent must not keep its stream, and what waits for it, for ever.
        ("grpc.keepalive_time_ms", 5000),
        ("grpc.keepalive_timeout_ms", 5000),
        ("grpc.http2.ping_timeout_ms", 5000),
        ("grpc.http2.max_pings_without_data", 0),
    ]


class GrpcServer:
    """A gRPC server and its HTTP endpoint.

        server = GrpcServer(settings, registry)
        server.add(lambda s: add_ForecastServiceServicer_to_server(servicer, s), "hydatis.forecast.v1.ForecastService")
        await server.start()
        server.set_ready(True)

    Args:
        settings: host, ports and limits.
        registry: the process's metrics.
        tracer: what makes spans; None: the global one.
        security: of the gRPC port. The HTTP endpoint stays plain: kubelet's probes have no certificate.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        registry: CollectorRegistry,
        tracer: trace.Tracer | None = None,
        *,
        security: TransportSecurity = PLAIN,
    ) -> None:
        self._settings = settings
        self._security = security
        self._tracer = tracer
        self._metrics = RpcMetrics(registry)
        self._registrations: list[tuple[Callable[[grpc.aio.Server], None], str]] = []
        self._server: grpc.aio.Server | None = None  # a server that nobody refers to is collected and silently stops
        self._health = health_aio.HealthServicer()
        self._http = HttpEndpoint(settings.host, settings.metrics_port, registry, lambda: self.ready)
        self.ready = False
        self.port = settings.grpc_port
        """Port of the gRPC server; after ``start`` the one that it listens on."""

    @property
    def metrics_port(self) -> int:
        """Port of the HTTP endpoint; after ``start`` the one that it listens on."""
        return self._http.port

    def add(self, registration: Callable[[grpc.aio.Server], None], service_full_name: str) -> None:
        """Adds a servicer: ``registration`` is called with the server when it starts."""
        self._registrations.append((registration, service_full_name))

    async def start(self) -> None:
        """Listens; not ready yet.

        Raises:
            DependencyUnavailable: a port is taken.
        """
        settings = self._settings
        interceptor = CallInterceptor(
            self._metrics,
            self._tracer,
            admin_gate(settings),
            max_calls_count=settings.max_calls_count,
            max_streams_count=settings.max_streams_count,
        )
        server = grpc.aio.server(interceptors=(interceptor,), options=server_options(settings.max_message_bytes))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        for registration, _ in self._registrations:
            registration(server)
        names = [name for _, name in self._registrations]
        reflection.enable_server_reflection((*names, "grpc.health.v1.Health", reflection.SERVICE_NAME), server)
        address = f"{self._settings.host}:{self._settings.grpc_port}"
        try:
            credentials = self._security.server_credentials()
            self.port = server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        except RuntimeError:
            raise DependencyUnavailable(f"cannot listen on {address}", field="grpc_port", expected="a free port") from None
        try:
            await self._http.start()
        except OSError as taken:
            shown = f"cannot listen on {self._settings.host}:{self._settings.metrics_port}: {taken.strerror}"
            raise DependencyUnavailable(shown, field="metrics_port", expected="a free port") from None
        await self._say_health(False)
        await server.start()
        self._server = server

    async def set_ready(self, ready: bool) -> None:
        """Says whether the service can do its work: by gRPC health (of the whole and of each service) and by /readyz."""
        if ready != self.ready:
            self.ready = ready
            await self._say_health(ready)

    async def stop(self, grace_seconds: float | None = None) -> None:
        """Says that it stops, takes no new calls, lets those in flight finish within the grace (None: that of the settings)."""
        self.ready = False
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(self._settings.stop_grace_seconds if grace_seconds is None else grace_seconds)
            self._server = None
        await self._http.stop()

    async def _say_health(self, ready: bool) -> None:
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *(name for _, name in self._registrations)):
            await self._health.set(name, status)
