"""Traces that join over all hops, at a price that a decision can pay.

A decision crosses four processes; its trace must be one. The W3C ``traceparent`` travels as gRPC metadata, written and read here by
hand, because the general propagators and client interceptors cost more than the work they watch. A request that is not sampled
carries its trace id on (so that logs join) and makes no span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hydatis_core.errors import DependencyUnavailable
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, SpanContext, TraceFlags

__all__ = [
    "TRACEPARENT",
    "CallerSpan",
    "caller_span",
    "current_trace_id",
    "parse_traceparent",
    "setup_tracing",
    "trace_metadata",
    "traceparent",
]

TRACEPARENT = "traceparent"
_FORM = re.compile(r"([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


def setup_tracing(
    service_name: str, sample_ratio: float, otlp_endpoint: str = "", exporter: SpanExporter | None = None
) -> TracerProvider:
    """Makes the process's tracer provider, the global one if none was set before.

    Args:
        service_name: what stands in ``service.name``.
        sample_ratio: share of traces started here that are recorded, 0..1. A caller's own choice is kept.
        otlp_endpoint: collector that takes spans by gRPC; empty: spans are made but not exported. Needs the extra ``[otlp]``.
        exporter: another exporter, used as well.

    Returns:
        The provider; ``shutdown()`` sends what is left.

    Raises:
        DependencyUnavailable: an endpoint is given and the extra is not installed.
    """
    provider = TracerProvider(
        resource=Resource({"service.name": service_name}),
        sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        shutdown_on_exit=False,
    )
    if otlp_endpoint:
        # Imported here: the exporter weighs more than all other tracing code together.
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        except ImportError:
            shown = "traces cannot be exported: the OTLP exporter is not installed"
            raise DependencyUnavailable(shown, field="otlp_endpoint", expected="the extra hydatis-serving[otlp]") from None

        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint, insecure=not otlp_endpoint.startswith("https")))
        )
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def parse_traceparent(text: str) -> SpanContext | None:
    """The caller's span as its ``traceparent`` says it; None when it says nothing valid."""
    match = _FORM.fullmatch(text)
    if match is None or match[1] == "ff":
        return None
    context = SpanContext(int(match[2], 16), int(match[3], 16), is_remote=True, trace_flags=TraceFlags(int(match[4], 16) & 1))
    return context if context.is_valid else None


class CallerSpan(NonRecordingSpan):
    """The span of a caller, kept as the text that it came in: most requests are not sampled, and hand it on unread."""

    def __init__(self, text: str) -> None:
        # Without the base's: it would want the very context that is not parsed unless someone asks.
        self.text = text

    @property
    def sampled(self) -> bool:
        """Whether the caller records."""
        return int(self.text[53:55], 16) & 1 == 1

    def get_span_context(self) -> SpanContext:
        """The caller's ids."""
        return parse_traceparent(self.text) or INVALID_SPAN_CONTEXT


def caller_span(metadata: Iterable[tuple[str, str | bytes]] | None) -> CallerSpan | None:
    """The caller's span from a call's (or a request's) metadata; None: it carries no valid one."""
    for key, value in metadata or ():
        if key == TRACEPARENT:
            text = value if isinstance(value, str) else value.decode("ascii", "replace")
            match = _FORM.fullmatch(text)
            return None if match is None or match[1] == "ff" else CallerSpan(text)
    return None


def traceparent() -> str | None:
    """The current span as a ``traceparent``; None: there is no trace."""
    current = trace.get_current_span()
    if isinstance(current, CallerSpan):
        return current.text
    span = current.get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"


def trace_metadata() -> tuple[tuple[str, str], ...] | None:
    """Metadata that carries the current trace to the next hop; None: there is no trace."""
    text = traceparent()
    return ((TRACEPARENT, text),) if text else None


def current_trace_id(*, sampled_only: bool = True) -> str:
    """The current trace id, 32 hexadecimal digits; empty: no trace, or not a sampled one."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid or (sampled_only and not span.trace_flags.sampled):
        return ""
    return f"{span.trace_id:032x}"
