"""Continues a caller's trace over REST, as the gRPC side does.

Logs of a request must carry the trace id whichever door it came through; a span is made when the caller samples, so that what is
not watched costs nothing.
"""

from __future__ import annotations

from hydatis_serving.tracing import TRACEPARENT, parse_traceparent
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanKind
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["TraceMiddleware"]

_HEADER = TRACEPARENT.encode()


class TraceMiddleware:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tracer = trace.get_tracer("hydatis_model_server")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers within the caller's trace, if it has one."""
        caller = None
        if scope["type"] == "http":
            text = next((value for key, value in scope["headers"] if key == _HEADER), b"")
            caller = parse_traceparent(text.decode("ascii", "replace"))
        if caller is None:
            await self._app(scope, receive, send)
            return
        here = trace.set_span_in_context(NonRecordingSpan(caller))
        span = (
            self._tracer.start_span(f"{scope['method']} {scope['path']}", here, SpanKind.SERVER)
            if caller.trace_flags.sampled
            else None
        )
        token = otel_context.attach(trace.set_span_in_context(span) if span is not None else here)
        try:
            await self._app(scope, receive, send)
        finally:
            otel_context.detach(token)
            if span is not None:
                span.end()
