"""What happens to every call before and after its servicer: limits, who calls, deadline, trace, metrics, errors.

A servicer is *convert, call, convert*, without a try. This is the one place that makes that possible: it refuses a call without a
deadline, continues the caller's trace, counts, and says every error by the one table. It is on a path budgeted in fractions of a
millisecond, so each method is wrapped once and not per call, and a call that is not sampled makes no span.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from time import perf_counter
from typing import Any, NoReturn, TypeAlias, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from hydatis_core.errors import HydatisError, InvalidValue, NoDeadline, TooMany
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from hydatis_serving.admin_access import ADMIN_CALLS, AdminGate
from hydatis_serving.error_table import DETAILS_KEY, row_of, to_rpc_status
from hydatis_serving.logs import get_logger
from hydatis_serving.metrics import RpcMetrics
from hydatis_serving.tracing import caller_span

__all__ = ["CallInterceptor"]

#: Services of gRPC itself (health, reflection): our rules are not for them.
_EXEMPT = "/grpc."

# Strings: both are generic in the stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Unary = Callable[[Any, Context], Awaitable[Any]]
Stream = Callable[[Any, Context], AsyncGenerator[Any, None]]
_log = get_logger(__name__)
#: Stands for a request whose bytes are no message: gRPC itself would answer UNKNOWN, without a word of why.
_UNREADABLE = object()


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method of ours.

    Args:
        metrics: where calls are counted.
        tracer: what makes spans; None: the global one.
        gate: lets admin calls in.
        max_calls_count: calls of one method at a time.
        max_streams_count: streams of one method at a time.
    """

    def __init__(
        self,
        metrics: RpcMetrics,
        tracer: trace.Tracer | None,
        gate: AdminGate,
        *,
        max_calls_count: int,
        max_streams_count: int,
    ) -> None:
        self._metrics = metrics
        self._gate = gate
        self._max_calls_count = max_calls_count
        self._max_streams_count = max_streams_count
        self._tracer = tracer or trace.get_tracer("hydatis_serving")
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The method's handler, wrapped; the one made for its first call serves all later ones."""
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(_EXEMPT):
            return handler
        self._wrapped[method] = wrapped = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        codecs = {"request_deserializer": _reader(handler.request_deserializer), "response_serializer": handler.response_serializer}
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(self._unary(method, cast("Unary", handler.unary_unary)), **codecs)
        if handler.unary_stream is not None and inspect.isasyncgenfunction(handler.unary_stream):
            return grpc.unary_stream_rpc_method_handler(self._stream(method, cast("Stream", handler.unary_stream)), **codecs)
        raise TypeError(f"{method} is neither a unary method nor an async generator: no rule is made for it")

    def _unary(self, method: str, behaviour: Unary) -> Unary:
        count_ok = self._metrics.requests.labels(method, "OK").inc
        observe = self._metrics.seconds.labels(method).observe
        start_span, name = self._tracer.start_span, method[1:]
        admin = ADMIN_CALLS.get(method)
        running_count = 0

        async def call(request: Any, context: Context) -> Any:
            nonlocal running_count
            running_count += 1
            started = perf_counter()
            caller = caller_span(context.invocation_metadata())
            span: Span | None = None
            if caller is None or caller.sampled:
                span = start_span(name, None if caller is None else trace.set_span_in_context(caller), SpanKind.SERVER)
            token = otel_context.attach(trace.set_span_in_context(span or caller or trace.INVALID_SPAN))
            failure: Exception
            try:
                if running_count > self._max_calls_count:
                    raise _one_too_many("calls", self._max_calls_count)
                if context.time_remaining() is None:
                    raise NoDeadline("the call has no deadline", field="deadline", expected="a timeout on every call")
                if admin is not None:
                    await self._gate.check(admin, _authorization(context))
                _check_readable(request)
                answer = await behaviour(request, context)
                count_ok()
                return answer
            except asyncio.CancelledError:
                self._metrics.requests.labels(method, "CANCELLED").inc()
                raise
            except grpc.aio.AbortError:
                self._metrics.requests.labels(method, "ABORTED_BY_SERVICER").inc()
                raise
            except Exception as error:
                failure = error
                self._note(method, error, span)
            finally:
                running_count -= 1
                observe(perf_counter() - started)
                if span is not None:
                    span.end()
                otel_context.detach(token)
            return await _abort(failure, context)  # last: who has the answer finds the call counted and its span ended

        return call

    def _stream(self, method: str, behaviour: Stream) -> Stream:
        open_streams = self._metrics.open_streams.labels(method)
        open_count = 0

        async def call(request: Any, context: Context) -> AsyncGenerator[Any, None]:
            nonlocal open_count
            open_count += 1
            open_streams.inc()
            code = "CANCELLED"  # how a subscriber's going away looks, unless it ends otherwise
            try:
                if open_count > self._max_streams_count:
                    raise _one_too_many("streams", self._max_streams_count)
                _check_readable(request)
                async with aclosing(behaviour(request, context)) as answers:
                    async for answer in answers:
                        yield answer
                code = "OK"
            except (asyncio.CancelledError, GeneratorExit):
                raise
            except Exception as error:
                code = row_of(error).code.name
                _log_defect(method, error)
                await _abort(error, context)
            finally:
                open_count -= 1
                open_streams.dec()
                self._metrics.requests.labels(method, code).inc()

        return call

    def _note(self, method: str, error: Exception, span: Span | None) -> None:
        code = row_of(error).code
        _log_defect(method, error)
        self._metrics.requests.labels(method, code.name).inc()
        if span is not None and span.is_recording():
            span.set_status(Status(StatusCode.ERROR, code.name))
            span.record_exception(error)


def _one_too_many(what: str, limit_count: int) -> TooMany:
    return TooMany(f"{limit_count} {what} of this method are open", field=what, expected="another try in a moment")


def _authorization(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            return value if isinstance(value, str) else ""
    return ""


def _log_defect(method: str, error: Exception) -> None:
    if not isinstance(error, HydatisError):
        _log.error("a call failed by a defect", method=method, exc_info=error)


async def _abort(error: Exception, context: Context) -> NoReturn:
    status = to_rpc_status(error)
    await context.abort(row_of(error).code, status.message, ((DETAILS_KEY, status.SerializeToString()),))


def _reader(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNREADABLE

    return read


def _check_readable(request: Any) -> None:
    if request is _UNREADABLE:
        raise InvalidValue("the bytes of the request are no message", field="request", expected="the method's own request message")
