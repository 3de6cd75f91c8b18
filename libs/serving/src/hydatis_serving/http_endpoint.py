"""The HTTP endpoint of a gRPC service: /metrics, /healthz and /readyz.

Prometheus and kubelet speak HTTP and not gRPC. The library's own WSGI app serves the metrics from a thread of its own, so that a
scrape never waits for the event loop; health asks the loop itself, so that a process whose loop hangs is seen to be dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError as FutureTimeout
from socketserver import ThreadingMixIn
from typing import Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

__all__ = ["HttpEndpoint"]

#: How long the event loop may take to answer before the process counts as dead.
LOOP_ANSWER_SECONDS = 2.0


#: Connections at a time; each is a thread. The lower bound for one address keeps a place for kubelet and Prometheus.
MOST_CONNECTIONS_COUNT = 64
MOST_PER_ADDRESS_COUNT = 16
#: How long one connection, a single request, may last in all.
CONNECTION_SECONDS = 10.0


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256  # of five, a burst of connections would keep everybody waiting for TCP to try again

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._opened: dict[socket.socket, tuple[str, float]] = {}  # by connection: from where, and when
        self._changing = threading.Lock()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is a place for one more connection."""
        address = str(client_address[0])
        with self._changing:
            of_address_count = sum(address == other for other, _ in self._opened.values())
            if len(self._opened) >= MOST_CONNECTIONS_COUNT or of_address_count >= MOST_PER_ADDRESS_COUNT:
                return False
            self._opened[request] = (address, time.monotonic())
        return True

    def shutdown_request(self, request: Any) -> None:
        """Frees its place."""
        with self._changing:
            self._opened.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Every half second: whoever sends a byte now and then is cut off as well."""
        oldest = time.monotonic() - CONNECTION_SECONDS
        with self._changing:
            slow = [connection for connection, (_, since) in self._opened.items() if since < oldest]
        for connection in slow:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Quiet(WSGIRequestHandler):
    timeout = CONNECTION_SECONDS  # a client that says nothing does not hold a thread for ever

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a scrape every few seconds is no news."""


class HttpEndpoint:
    """Serves the registry and the state of the process.

    Args:
        host: address to listen on.
        port: port; 0: any free one, see ``port`` after ``start``.
        registry: the metrics.
        is_ready: whether the process can do its work.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, is_ready: Callable[[], bool]) -> None:
        self._host = host
        self.port = port
        self._metrics = make_wsgi_app(registry)
        self._is_ready = is_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: WSGIServer | None = None

    async def start(self) -> None:
        """Listens. OSError when the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._server = make_server(self._host, self.port, self._answer, server_class=_Server, handler_class=_Quiet)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="http-endpoint", daemon=True).start()

    async def stop(self) -> None:
        """Stops listening."""
        server, self._server = self._server, None
        if server is None:
            return
        ending = asyncio.get_running_loop().run_in_executor(None, server.shutdown)
        # The server looks whether it should end when something happens to it: so something does.
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(self._host, self.port)
            writer.close()
        await ending
        server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return cast("Iterable[bytes]", self._metrics(environ, start_response))
        if path == "/healthz":
            return _say(start_response, self._loop_answers(), "ok", "the event loop does not answer")
        if path == "/readyz":
            return _say(start_response, self._is_ready(), "ready", "not ready")
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics, /healthz and /readyz are here\n"]

    def _loop_answers(self) -> bool:
        if self._loop is None or not self._loop.is_running():
            return False
        try:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(LOOP_ANSWER_SECONDS)
        except FutureTimeout:
            return False
        return True


def _say(start_response: Callable[..., Any], good: bool, yes: str, no: str) -> list[bytes]:
    start_response("200 OK" if good else "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{yes if good else no}\n".encode()]
