"""The HTTP server: dispatch, limits, and errors as one clear sentence of JSON.

kube-scheduler waits for each answer in a serial loop, so between a request and its handler there is one dictionary look-up and
no framework. Whatever a client does, it gets JSON with an ``Error`` and never a stack trace, and the process lives.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.client_exceptions import ClientError
from aiohttp.http_exceptions import HttpProcessingError
from hydatis_core.errors import DependencyUnavailable, HydatisError
from hydatis_serving.error_table import http_status
from hydatis_serving.logs import get_logger

from hydatis_scheduler_plugin.convert import error_body

__all__ = ["Answer", "Handler", "HttpDoor", "json_answer"]

_log = get_logger(__name__)

Answer = tuple[int, bytes, str]
"""Status, body, content type."""
Handler = Callable[[web.BaseRequest], Awaitable[Answer]]

JSON = "application/json"
_PATHS = "/filter, /prioritize, /healthz, /readyz, /state, /metrics, /generation, /decisions"
#: kube-scheduler keeps idle connections for 90 s: it must be the one who closes them, else a request meets a closing connection.
KEEPALIVE_SECONDS = 600.0
#: What kubelet and Prometheus ask for, who have no certificate to show.
PROBED = frozenset({"/healthz", "/readyz", "/metrics"})


def json_answer(value: Any, status: int = 200) -> Answer:
    """A value as JSON."""
    return status, msgspec.json.encode(value), JSON


class HttpDoor:
    """A server on one port.

    Args:
        host: address to listen on.
        port: port; 0: any free one, see ``port`` after ``start``.
        routes: handlers by (method, path). A path that ends in "/" takes everything below it.
        max_body_bytes: largest body that is read.
        stop_grace_seconds: how long requests in flight may take to finish on stop.
        on_answer: told (path, status) of each answer.
        ssl_context: of the port; None: it is not encrypted.
        certificates_required: whether callers must show a certificate, except of ``PROBED``.
    """

    def __init__(
        self,
        host: str,
        port: int,
        routes: Mapping[tuple[str, str], Handler],
        *,
        max_body_bytes: int,
        stop_grace_seconds: float,
        on_answer: Callable[[str, int], None] = lambda _path, _status: None,
        ssl_context: ssl.SSLContext | None = None,
        certificates_required: bool = False,
    ) -> None:
        self._host = host
        self.port = port
        self._routes = dict(routes)
        self._paths = {path for _, path in routes}
        self._max_body_bytes = max_body_bytes
        self._stop_grace_seconds = stop_grace_seconds
        self._on_answer = on_answer
        self._ssl_context = ssl_context
        self._certificates_required = certificates_required
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Listens.

        Raises:
            DependencyUnavailable: the port is taken.
        """
        server = web.Server(
            self._answer, request_factory=self._request, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS, tcp_keepalive=True
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=self._stop_grace_seconds)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self._host, self.port, backlog=1024, ssl_context=self._ssl_context)
            await site.start()
        except OSError as taken:
            await self._runner.cleanup()
            raise DependencyUnavailable(
                f"cannot listen on {self._host}:{self.port}: {taken.strerror}", field="http_port", expected="a free port"
            ) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stops listening, lets requests in flight finish within the grace, closes the rest."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=self._max_body_bytes
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        handler, route = self._find(request.method, path)
        if self._certificates_required and route not in PROBED and not request.get_extra_info("peercert"):
            handler = _no_certificate
        try:
            status, body, content_type = await handler(request)
        except HydatisError as error:
            status, body, content_type = http_status(error), error_body(str(error)), JSON
        except web.HTTPRequestEntityTooLarge:
            status, content_type = 413, JSON
            body = error_body(f"body: larger than {self._max_body_bytes} bytes")
        except (ClientError, HttpProcessingError, ConnectionError, web.RequestPayloadError) as broken:
            status, body, content_type = 400, error_body(f"body: it could not be read ({type(broken).__name__})"), JSON
        except Exception:
            _log.exception("a request failed", path=route)
            status, body, content_type = 500, error_body("internal error"), JSON
        self._on_answer(route, status)
        return web.Response(body=body, status=status, headers={"Content-Type": content_type})

    def _find(self, method: str, path: str) -> tuple[Handler, str]:
        """The handler, and the route's own path (bounded, for the metric)."""
        handler = self._routes.get((method, path))
        if handler is not None:
            return handler, path
        for (known_method, known), below in self._routes.items():
            if known.endswith("/") and path.startswith(known) and method == known_method:
                return below, known
        known_path = path in self._paths
        return (_wrong_method if known_path else _unknown_path), (path if known_path else "unknown")


async def _wrong_method(request: web.BaseRequest) -> Answer:
    return 405, error_body(f"{request.path[:100]} does not take {request.method[:20]}"), JSON


async def _no_certificate(request: web.BaseRequest) -> Answer:
    return 403, error_body(f"{request.path[:100]} is for callers with a certificate of an authority in tls_ca_file"), JSON


async def _unknown_path(request: web.BaseRequest) -> Answer:
    return (
        404,
        error_body(f"{request.path[:100]} is not here; {_PATHS} are"),
        JSON,
    )
