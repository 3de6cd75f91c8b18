"""An HTTP server that a control plane waits for: bounded connections, requests that must arrive in time, and no framework.

kube-scheduler asks in a serial loop, the API server with a deadline of a second. What they wait for is answered in time only if
nobody else can fill the place; and between a request and its handler there is nothing.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from abc import ABC, abstractmethod
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from hydatis_core.errors import DependencyUnavailable

from hydatis_serving.connection_guard import ConnectionGuard, GuardedConnection

__all__ = ["GuardedHttp"]

#: aiohttp writes a stack trace, with bytes of theirs, for everybody who sends what is no HTTP. What fails, handlers log.
_UNHEARD = logging.getLogger("hydatis_serving.unheard")
_UNHEARD.setLevel(logging.CRITICAL + 1)
#: kube-scheduler and the API server keep idle connections for 90 s: they must be who closes, else a request meets a closing one.
KEEPALIVE_SECONDS = 600.0


class GuardedHttp(ABC):
    """A server on one port; who inherits it answers.

    Args:
        host: address to listen on.
        port: port; 0: any free one, see ``port`` after ``start``.
        max_body_bytes: largest body that a request may read.
        max_connections_count: connections at a time; of one address half as many.
        arrival_seconds: how long the head of a request may take to arrive.
        stop_grace_seconds: how long requests in flight may take to finish on stop.
        ssl_context: of the port; None: it is not encrypted.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        max_body_bytes: int,
        max_connections_count: int,
        arrival_seconds: float,
        stop_grace_seconds: float,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self.port = port
        self._max_body_bytes = max_body_bytes
        self._guard = ConnectionGuard(max_connections_count, (max_connections_count + 1) // 2, arrival_seconds)
        self._stop_grace_seconds = stop_grace_seconds
        self._ssl_context = ssl_context
        self._runner: web.ServerRunner | None = None

    @property
    def refused_connections_count(self) -> int:
        """Connections that were ended since they were too many, or too slow."""
        return self._guard.refused_count

    async def start(self) -> None:
        """Listens.

        Raises:
            DependencyUnavailable: the port is taken.
        """
        server = _GuardedServer(
            self._handled,
            request_factory=self._request,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            tcp_keepalive=True,
            auto_decompress=False,
            lingering_time=1.0,  # of a body that was refused
            logger=_UNHEARD,
        )
        server.guard = self._guard
        self._runner = web.ServerRunner(server, shutdown_timeout=self._stop_grace_seconds)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port, backlog=1024, ssl_context=self._ssl_context).start()
        except OSError as taken:
            await self._runner.cleanup()
            where = f"cannot listen on {self._host}:{self.port}: {taken.strerror}"
            raise DependencyUnavailable(where, field="http_port", expected="a free port") from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stops listening, lets requests in flight finish within the grace, closes the rest."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> web.BaseRequest:
        protocol.in_request = True
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=self._max_body_bytes)

    @abstractmethod
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request; it must not raise."""

    async def _handled(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self.handle(request)
        finally:
            connection: Any = request.protocol
            connection.in_request, connection.waiting_since_seconds = False, None


class _Connection(GuardedConnection, RequestHandler):
    """A connection of the guard's."""


class _GuardedServer(web.Server):
    guard: ConnectionGuard

    def __call__(self) -> RequestHandler:
        connection = _Connection(self, loop=self._loop, **self._kwargs)
        connection.guard = self.guard
        return connection
