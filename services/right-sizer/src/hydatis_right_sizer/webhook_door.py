"""The HTTPS server of the webhook: one path, bounded bodies, bounded connections, bounded time.

The API server waits at most a second for it and goes on without it. What it waits for is in that second only if nobody else can
fill the place: so connections, bodies and slow senders are bounded as in the extender's server.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.connection_guard import ConnectionGuard, GuardedConnection
from hydatis_serving.logs import get_logger

__all__ = ["PATH", "WebhookDoor"]

_log = get_logger(__name__)
#: aiohttp writes a stack trace, with bytes of theirs, for everybody who sends what is no HTTP.
_UNHEARD = logging.getLogger("hydatis_right_sizer.unheard")
_UNHEARD.setLevel(logging.CRITICAL + 1)

PATH = "/mutate"
#: The API server keeps idle connections for 90 s: it must be the one who closes them.
KEEPALIVE_SECONDS = 600.0


class WebhookDoor:
    """A server on one port.

    Args:
        host: address to listen on.
        port: port; 0: any free one, see ``port`` after ``start``.
        answer: answers a whole body; None: it cannot be answered.
        ssl_context: of the port; None: it is not encrypted, for tests of this class alone.
        max_body_bytes: largest body that is read.
        max_connections_count: connections at a time; of one address half as many.
        arrival_seconds: how long the head of a request may take to arrive, and then its body.
        stop_grace_seconds: how long requests in flight may take to finish on stop.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[bytes], bytes | None],
        *,
        ssl_context: ssl.SSLContext | None,
        max_body_bytes: int,
        max_connections_count: int,
        arrival_seconds: float,
        stop_grace_seconds: float,
    ) -> None:
        self._host = host
        self.port = port
        self._answer = answer
        self._ssl_context = ssl_context
        self._max_body_bytes = max_body_bytes
        self._guard = ConnectionGuard(max_connections_count, (max_connections_count + 1) // 2, arrival_seconds)
        self._arrival_seconds = arrival_seconds
        self._stop_grace_seconds = stop_grace_seconds
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
            self._handle,
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

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        connection: Any = request.protocol
        try:
            if request.path != PATH or request.method != "POST":
                return web.Response(status=404, text=f"POST {PATH} is here\n")
            if (request.content_length or 0) > self._max_body_bytes:
                return web.Response(status=413, text=f"more than {self._max_body_bytes} bytes\n")
            async with asyncio.timeout(self._arrival_seconds):
                body = await request.read()
            answer = self._answer(body)
            if answer is None:
                return web.Response(status=400, text="it is no AdmissionReview\n")
            return web.Response(body=answer, content_type="application/json")
        except TimeoutError:
            return web.Response(status=408, text=f"it did not arrive within {self._arrival_seconds:g} s\n")
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, text=f"more than {self._max_body_bytes} bytes\n")
        finally:
            connection.in_request, connection.waiting_since_seconds = False, None


class _Connection(GuardedConnection, RequestHandler):
    """A connection of the guard's."""


class _GuardedServer(web.Server):
    guard: ConnectionGuard

    def __call__(self) -> RequestHandler:
        connection = _Connection(self, loop=self._loop, **self._kwargs)
        connection.guard = self.guard
        return connection
