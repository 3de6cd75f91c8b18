"""The HTTPS server of the webhook: one path, bounded bodies, bounded connections, bounded time.

The API server waits at most a second for it and goes on without it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from aiohttp import web
from hydatis_serving.guarded_http import GuardedHttp

__all__ = ["PATH", "WebhookDoor"]

PATH = "/mutate"


class WebhookDoor(GuardedHttp):
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
        super().__init__(
            host,
            port,
            max_body_bytes=max_body_bytes,
            max_connections_count=max_connections_count,
            arrival_seconds=arrival_seconds,
            stop_grace_seconds=stop_grace_seconds,
            ssl_context=ssl_context,
        )
        self._answer = answer
        self._arrival_seconds = arrival_seconds

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """The answer to a review, or what is wrong with the request."""
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
