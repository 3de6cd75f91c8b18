"""One decision is one trace: the spans of all processes on its path share a trace id and hang one below the other.

The collector is real OTLP over gRPC, as any collector speaks it; the three processes of the path are started beside the stack with
the two settings that a user would set.
"""

from __future__ import annotations

import secrets
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.workloads import Workload
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

RANK = "hydatis.placement.v1.PlacementService/RankNodes"
INFER = "inference.GRPCInferenceService/ModelInfer"


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans."""

    spans: list[tuple[str, Any]] = field(default_factory=list)
    """(service.name, span)."""

    def Export(self, request: Any, context: Any) -> Any:
        for group in request.resource_spans:
            names = {pair.key: pair.value.string_value for pair in group.resource.attributes}
            self.spans += [(names["service.name"], span) for scope in group.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def of(self, trace_id: str) -> dict[str, Any]:
        """Spans of a trace by "service name"."""
        return {f"{service} {span.name}": span for service, span in self.spans if span.trace_id.hex() == trace_id}


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    """A collector and its endpoint."""
    taking = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(taking, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield taking, f"http://127.0.0.1:{port}"
    server.stop(None)


def test_a_decision_is_one_trace_over_all_hops(
    stack: Stack, small: Workload, collector: tuple[Collector, str], start: Callable[..., Any], until: Callable[..., Any]
) -> None:
    taking, endpoint = collector
    traced = {"OTLP_ENDPOINT": endpoint, "TRACE_SAMPLE_RATIO": "1"}
    soon = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # spans are sent in batches; the default waits for five seconds
    model = start("model-placement-policy", soon, **traced)
    policy = start("placement-policy", soon, MODEL_ADDRESS=model.address, **traced)
    told = {"POLICY_FILE": "", "DECISIONS_DIR": "", "DECISION_BUDGET_MS": "5000"}
    plugin = start("scheduler-plugin", soon, PLACEMENT_ADDRESS=policy.address, **told, **traced)
    url = f"http://127.0.0.1:{plugin.setting('HTTP_PORT')}"
    feed = StackFeed(stack.features_address, url)
    replay(small.trace, small.nodes, StockPolicy(), [feed], seed=3, until=small.trace.start_seconds + 900)
    feed.close()
    extender = ExtenderClient(url, timeout_seconds=10)
    try:
        pod = pod_json(Pod("traced", "traced", requests=Resources(1.0, 2.0**30)))
        kept = extender.filter(pod, [node.name for node in small.nodes])["NodeNames"]
        extender.prioritize(pod, kept)
        (record,) = extender.get_json("/decisions?pod=traced&limit=10", timeout_seconds=10)["decisions"]
    finally:
        extender.close()
    assert record["rung"] == "full"
    trace_id = record["trace_id"]
    assert len(trace_id) == 32
    names = ("scheduler-plugin decision", f"placement-policy {RANK}", f"model-server.placement-policy {INFER}")
    until(lambda: set(names) <= set(taking.of(trace_id)), f"spans of {names}")
    spans = taking.of(trace_id)
    decision, rank, infer = (spans[name] for name in names)
    assert decision.parent_span_id == b""
    assert rank.parent_span_id == decision.span_id
    assert infer.parent_span_id == rank.span_id
    assert decision.start_time_unix_nano <= rank.start_time_unix_nano <= infer.start_time_unix_nano
    assert infer.end_time_unix_nano <= rank.end_time_unix_nano <= decision.end_time_unix_nano
    attributes = {pair.key: pair.value.string_value for pair in decision.attributes}
    assert (attributes["k8s.pod.uid"], attributes["hydatis.rung"]) == ("traced", "FULL")
    # logs join: what a process says about a call carries the same id, and nothing was an error
    assert all(span.status.code == 0 for span in spans.values())


def test_a_callers_own_trace_goes_on(
    stack: Stack, small: Workload, collector: tuple[Collector, str], start: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """The choice of who started the trace holds, though this process would record none."""
    taking, endpoint = collector
    soon = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
    policy = start("placement-policy", soon, OTLP_ENDPOINT=endpoint, TRACE_SAMPLE_RATIO="0")
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    with grpc.insecure_channel(policy.address) as channel:
        call = channel.unary_unary("/" + RANK)
        with pytest.raises(grpc.RpcError):
            call(b"", timeout=10)  # nobody's trace
        with pytest.raises(grpc.RpcError):
            call(b"", timeout=10, metadata=(("traceparent", f"00-{trace_id}-{span_id}-01"),))
    spans = until(lambda: taking.of(trace_id), "the span of the caller's trace")
    (span,) = spans.values()
    assert span.parent_span_id.hex() == span_id
    assert span.status.code == 2  # the request was empty, and refused
    assert len(taking.spans) == 1


def test_the_shim_answers_though_nobody_takes_its_spans(
    stack: Stack, start: Callable[..., Any], free_port: Callable[[], int]
) -> None:
    plugin = start("scheduler-plugin", OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}", TRACE_SAMPLE_RATIO="1", DECISIONS_DIR="")
    with urllib.request.urlopen(f"http://127.0.0.1:{plugin.setting('HTTP_PORT')}/healthz", timeout=10) as answer:
        assert answer.status == 200
