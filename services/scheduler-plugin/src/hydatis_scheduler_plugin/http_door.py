"""The HTTP server: dispatch, limits, who may ask what, and errors as one clear sentence of JSON.

kube-scheduler waits for each answer in a serial loop, so between a request and its handler there is one dictionary look-up and
no framework. Whatever a client does, it gets JSON with an ``Error`` and never a stack trace, and the process lives.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.client_exceptions import ClientError
from aiohttp.http_exceptions import HttpProcessingError
from hydatis_core.errors import HydatisError, InvalidValue, TooLate, TooMany
from hydatis_serving.admin_access import ADMIN_CALLS, AdminGate
from hydatis_serving.error_table import RETRY_SECONDS, http_status
from hydatis_serving.guarded_http import GuardedHttp
from hydatis_serving.logs import get_logger

from hydatis_scheduler_plugin.convert import error_body

__all__ = ["Answer", "Handler", "HttpDoor", "json_answer"]

_log = get_logger(__name__)

Answer = tuple[int, bytes, str]
"""Status, body, content type."""
Handler = Callable[[web.BaseRequest], Awaitable[Answer]]

JSON = "application/json"
_PATHS = "/filter, /prioritize, /healthz, /readyz, /state, /metrics, /generation, /decisions"
#: How many bytes of bodies are held at a time, in largest bodies.
BODIES_AT_A_TIME = 2
#: Requests of one route under way at a time, where a route is costly or waits; of the verbs the decision desk takes care itself.
MOST_REQUESTS_COUNT = {"/generation": 64, "/decisions": 4, "/decisions/": 4, "/metrics": 4}
#: What kubelet and Prometheus ask for, who have no certificate to show.
PROBED = frozenset({"/healthz", "/readyz", "/metrics"})


def json_answer(value: Any, status: int = 200) -> Answer:
    """A value as JSON."""
    return status, msgspec.json.encode(value), JSON


class HttpDoor(GuardedHttp):
    """A server on one port.

    Args:
        host: address to listen on.
        port: port; 0: any free one, see ``port`` after ``start``.
        routes: handlers by (method, path). A path that ends in "/" takes everything below it.
        gate: lets admin calls in.
        max_body_bytes: largest body that is read.
        max_connections_count: connections at a time; of one address half as many.
        arrival_seconds: how long the head of a request may take to arrive, and then its body.
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
        gate: AdminGate,
        max_body_bytes: int,
        max_connections_count: int,
        arrival_seconds: float,
        stop_grace_seconds: float,
        on_answer: Callable[[str, int], None] = lambda _path, _status: None,
        ssl_context: ssl.SSLContext | None = None,
        certificates_required: bool = False,
    ) -> None:
        super().__init__(
            host,
            port,
            max_body_bytes=max_body_bytes,
            max_connections_count=max_connections_count,
            arrival_seconds=arrival_seconds,
            stop_grace_seconds=stop_grace_seconds,
            ssl_context=ssl_context,
        )
        self._routes = dict(routes)
        self._paths = {path for _, path in routes}
        self._gate = gate
        self._body_bytes_left = BODIES_AT_A_TIME * max_body_bytes
        self._running: Counter[str] = Counter()
        self._arrival_seconds = arrival_seconds
        self._on_answer = on_answer
        self._certificates_required = certificates_required

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The handler's answer; whatever is wrong, JSON with an ``Error``."""
        path = request.path
        handler, route = self._find(request.method, path)
        if self._certificates_required and route not in PROBED and not request.get_extra_info("peercert"):
            handler = _no_certificate
        try:
            status, body, content_type = await self._admitted(request, handler, route)
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
        return web.Response(body=body, status=status, headers={"Content-Type": content_type} | _MORE_HEADERS.get(status, {}))

    async def _admitted(self, request: web.BaseRequest, handler: Handler, route: str) -> Answer:
        """The handler's answer, once the request has a place, its caller a right, and its body is whole."""
        call = ADMIN_CALLS.get(f"{request.method} {route}")
        if call is not None:
            await self._gate.check(call, request.headers.get("Authorization", ""))
        limit_count = MOST_REQUESTS_COUNT.get(route)
        if limit_count is None:
            return await self._with_body(request, handler)
        if self._running[route] >= limit_count:
            raise TooMany(f"{limit_count} requests are under way", field=route, expected="another try in a moment")
        self._running[route] += 1
        try:
            return await self._with_body(request, handler)
        finally:
            self._running[route] -= 1

    async def _with_body(self, request: web.BaseRequest, handler: Handler) -> Answer:
        if not request.body_exists:
            return await handler(request)
        if "Content-Encoding" in request.headers:  # unpacked it may be of any size; kube-scheduler packs nothing
            raise InvalidValue("the body is packed", field="Content-Encoding", expected="a plain body")
        said_bytes = request.content_length
        size_bytes = self._max_body_bytes if said_bytes is None else said_bytes
        if size_bytes > self._max_body_bytes:
            raise web.HTTPRequestEntityTooLarge(self._max_body_bytes, size_bytes)
        if size_bytes > self._body_bytes_left:
            raise TooMany("too many large bodies at a time", field="body", expected="another try in a moment")
        self._body_bytes_left -= size_bytes
        try:
            await _read_in_time(request, self._arrival_seconds)
            return await handler(request)
        finally:
            self._body_bytes_left += size_bytes

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


#: What an answer says beside its body, by status.
_MORE_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": str(RETRY_SECONDS)},
}


async def _read_in_time(request: web.BaseRequest, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await request.read()
    except TimeoutError:
        raise TooLate(f"it did not arrive within {seconds:g} s", field="body") from None


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
