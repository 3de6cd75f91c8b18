"""The REST side of the Open Inference Protocol: the SDK's endpoints on the address we were told, with errors said as everywhere.

The SDK binds every interface, lets uvicorn take the process's signals, logs a stack trace for each mistake of a caller and answers
several of them with 500. The endpoints are right and stay; the four habits are undone here, by the SDK's own seams: the uvicorn
config of its ``RESTServer``, a ``DataPlane`` of ours, and FastAPI's exception handlers.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from hydatis_core.errors import DependencyUnavailable, HydatisError, InvalidValue
from hydatis_serving.connection_guard import ConnectionGuard
from hydatis_serving.error_table import http_status
from hydatis_serving.logs import get_logger
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.rest.server import RESTServer

from hydatis_model_server.model import ServedModel
from hydatis_model_server.rest_connection import rest_connection
from hydatis_model_server.rest_trace import TraceMiddleware

__all__ = ["OpenInferenceDataPlane", "RestSide"]

_log = get_logger(__name__)


class OpenInferenceDataPlane(DataPlane):  # type: ignore[misc]  # the SDK has no types
    """The SDK's data plane; its decoder says what is wrong with a body instead of failing on it, its metadata name the version."""

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """What a model reads and answers, and which version is served."""
        metadata: dict[str, Any] = await super().model_metadata(model_name)
        model = self.get_model_from_registry(model_name)
        return metadata | {"versions": [model.version] if isinstance(model, ServedModel) and model.version else []}

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        """The request of a body.

        Raises:
            InvalidValue: the body is not a request.
        """
        try:
            return super().decode(*args, **kwargs)
        except InvalidInput as wrong:
            raise InvalidValue(str(wrong.reason)[:200], field="body", expected="a request of version 2 of the protocol") from None
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as wrong:
            shown = f"it cannot be read: {type(wrong).__name__} {str(wrong)[:120]}"
            raise InvalidValue(shown, field="body", expected="a request of version 2 of the protocol") from None


class RestSide:
    """Serves the SDK's application.

    Args:
        server: the SDK's REST server, not started.
        host: address to listen on.
        port: port; 0: any free one.
        max_body_bytes: a larger body is refused with 413.
        guard: bounds its connections.
        ssl_context: of the port; None: it is not encrypted.
    """

    def __init__(
        self,
        server: RESTServer,
        host: str,
        port: int,
        max_body_bytes: int,
        guard: ConnectionGuard,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._host = host
        self._max_body_bytes = max_body_bytes
        self._guard = guard
        self._ssl_context = ssl_context
        self._uvicorn: _OurServer | None = None
        self._running: asyncio.Task[None] | None = None
        self.port = port
        """Port; after ``start`` the one that it listens on."""

    async def start(self) -> None:
        """Listens and returns when requests are answered.

        Raises:
            DependencyUnavailable: the port is taken.
        """
        try:
            listening = socket.create_server((self._host, self.port))
        except OSError as taken:
            shown = f"cannot listen on {self._host}:{self.port}: {taken.strerror}"
            raise DependencyUnavailable(shown, field="http_port", expected="a free port") from None
        self.port = listening.getsockname()[1]
        self._server.create_application()
        # The SDK names its application by an import path; the same object is taken here.
        from kserve.model_server import app

        app.max_body_size = self._max_body_bytes
        app.add_middleware(TraceMiddleware)
        _say_errors_as_everywhere(app)
        self._server.config.app = app
        self._server.config.load()
        self._server.config.http_protocol_class = rest_connection(self._guard, self._max_body_bytes)
        self._server.config.ssl = self._ssl_context  # uvicorn itself reads certificates from files once
        self._uvicorn = _OurServer(self._server.config)
        self._running = asyncio.create_task(self._uvicorn.serve([listening]), name="rest")
        await self._uvicorn.listening.wait()

    async def stop(self) -> None:
        """Takes no new requests, and returns when those in flight are answered or the SDK's grace period is over."""
        if self._uvicorn is not None and self._running is not None:
            self._uvicorn.should_exit = True
            await self._running


class _OurServer(uvicorn.Server):
    """Says when it listens, and stops when it is told to: signals are for the whole process and are not for it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _say_errors_as_everywhere(app: FastAPI) -> None:
    async def ours(_: Request, error: Exception) -> JSONResponse:
        return _answer(http_status(error), str(error))

    async def unreadable(_: Request, error: Exception) -> JSONResponse:
        return _answer(400, _first_sentence(error))

    async def unknown_model(_: Request, error: Exception) -> JSONResponse:
        return _answer(404, str(error))

    async def not_ready(_: Request, error: Exception) -> JSONResponse:
        return _answer(503, str(error))

    async def defect(request: Request, error: Exception) -> JSONResponse:
        _log.error("a request failed by a defect", path=request.url.path, exc_info=error)
        return _answer(500, "internal error")

    for kind, handler in (
        (HydatisError, ours),
        (RequestValidationError, unreadable),
        (InvalidInput, unreadable),
        (ModelNotFound, unknown_model),
        (ModelNotReady, not_ready),
        (Exception, defect),
    ):
        app.add_exception_handler(kind, handler)


def _first_sentence(error: Exception) -> str:
    if not isinstance(error, RequestValidationError):
        return str(error)[:300]
    first = error.errors()[0]
    # FastAPI tries several shapes of a body; the name of the shape in the middle says nothing to a caller.
    place = ".".join(str(part) for part in first["loc"] if part not in ("InferenceRequest", "bytes"))
    return f"{place}: {first['msg']}"[:300]


def _answer(status: int, sentence: str) -> JSONResponse:
    return JSONResponse(status_code=status, content={"error": sentence})
