"""Traces that join over all hops, at a price that a decision can pay.

A decision crosses four processes; its trace must be one. The W3C ``traceparent`` travels as gRPC metadata, written and read here by
hand, because the general propagators and client interceptors cost more than the work they watch. A request that is not sampled
carries its trace id on (so that logs join) and makes no span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

__all__ = [
    "TRACEPARENT",
    "current_trace_id",
    "parse_traceparent",
    "remote_context",
    "setup_tracing",
    "trace_metadata",
    "traceparent",
]

TRACEPARENT = "traceparent"
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


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
    """
    provider = TracerProvider(
        resource=Resource({"service.name": service_name}),
        sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        shutdown_on_exit=False,
    )
    if otlp_endpoint:
        # Imported here: the exporter weighs more than all other tracing code together.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

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


def remote_context(metadata: Iterable[tuple[str, str | bytes]] | None) -> SpanContext | None:
    """The caller's span from a call's metadata; None: the call carries none."""
    for key, value in metadata or ():
        if key == TRACEPARENT:
            return parse_traceparent(value if isinstance(value, str) else value.decode("ascii", "replace"))
    return None


def traceparent() -> str | None:
    """The current span as a ``traceparent``; None: there is no trace."""
    span = trace.get_current_span().get_span_context()
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


def as_context(span: SpanContext) -> Context:
    """A context whose current span is the (remote) one given."""
    return trace.set_span_in_context(NonRecordingSpan(span))
