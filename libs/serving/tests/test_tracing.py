"""Traces on their way out, and what they cost a process that sends none."""

import asyncio
import subprocess
import sys
from typing import Any

import grpc.aio
import pytest
from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.tracing import caller_span, current_trace_id, parse_traceparent, setup_tracing, trace_metadata
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

SAID = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


async def test_sampled_spans_reach_a_collector():
    heard: list[Any] = []

    class Collector(trace_service_pb2_grpc.TraceServiceServicer):
        async def Export(self, request: Any, context: Any) -> Any:
            heard.append(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Collector(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    provider = setup_tracing("oven", 1.0, f"http://127.0.0.1:{port}")
    with provider.get_tracer("test").start_as_current_span("bake"):
        pass
    await asyncio.to_thread(provider.shutdown)
    await server.stop(0)
    (resource,) = heard[0].resource_spans
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"] == "oven"
    assert [span.name for scope in resource.scope_spans for span in scope.spans] == ["bake"]


def test_an_endpoint_without_the_exporter_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(DependencyUnavailable, match="not installed") as refused:
        setup_tracing("oven", 1.0, "http://127.0.0.1:1")
    assert refused.value.field == "otlp_endpoint"


def test_a_callers_span_is_found_in_metadata_and_handed_on_as_it_came():
    span = caller_span((("user-agent", "x"), ("traceparent", SAID)))
    assert span is not None
    assert span.sampled
    assert span.get_span_context() == parse_traceparent(SAID)
    with trace.use_span(span):
        assert trace_metadata() == (("traceparent", SAID),)
        assert current_trace_id() == "a" * 32
    assert caller_span(None) is None
    assert caller_span((("traceparent", b"\xff"),)) is None


def test_without_a_trace_there_is_nothing_to_hand_on():
    assert trace_metadata() is None
    assert current_trace_id(sampled_only=False) == ""


def test_a_process_that_serves_loads_nothing_heavy():
    script = (
        "import sys\n"
        "import hydatis_serving.process, hydatis_serving.server, hydatis_serving.clients, hydatis_serving.subscriber\n"
        "import hydatis_serving.model_client, hydatis_serving.decisions, hydatis_serving.broadcast\n"
        "heavy = ('kserve', 'pandas', 'xgboost', 'sklearn', 'scipy', 'pyarrow', 'opentelemetry.exporter', 'aiohttp')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
