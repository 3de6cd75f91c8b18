"""Deadline, trace and errors, over one and two hops."""

import asyncio
import logging
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hydatis.anomaly.v1 import anomaly_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from hydatis_core import errors
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving.channels import open_channel
from hydatis_serving.clients import AnomalyClient, ForecastClient
from hydatis_serving.convert.anomaly import risk_response_to_proto
from hydatis_serving.convert.forecast import forecast_response_to_proto
from hydatis_serving.error_table import DOMAIN, ERROR_TABLE, from_rpc_error, row_of
from hydatis_serving.tracing import current_trace_id, traceparent
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

METHOD = "/hydatis.forecast.v1.ForecastService/ForecastNodes"
ANSWER = forecast_response_to_proto(ForecastTable(60, np.ones((1, 24), dtype=np.float32)))


async def answer(request: Any) -> Any:
    return ANSWER


def raiser(error: BaseException) -> Any:
    async def fail(request: Any) -> Any:
        raise error

    return fail


async def test_a_call_without_a_deadline_is_refused(forecaster):
    running = await forecaster(answer)
    async with open_channel(running.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await forecast_pb2_grpc.ForecastServiceStub(channel).ForecastNodes(forecast_pb2.ForecastNodesRequest())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert isinstance(from_rpc_error(refused.value), errors.NoDeadline)


async def test_bytes_that_are_no_message_are_an_invalid_request(forecaster):
    running = await forecaster(answer)
    async with open_channel(running.address) as channel:
        call = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"\xff\xff\xff", timeout=5)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    error = from_rpc_error(refused.value)
    assert (type(error), error.field) == (errors.InvalidValue, "request")
    assert running.value("hydatis_rpc_requests_total", method=METHOD, code="INVALID_ARGUMENT") == 1


@pytest.mark.parametrize("row", ERROR_TABLE, ids=lambda row: row.error.__name__)
async def test_every_error_crosses_the_wire_with_its_field_and_what_would_be_right(forecaster, row):
    running = await forecaster(raiser(row.error("it was wrong", field="rows", expected="it right")))
    async with ForecastClient(running.address) as client:
        with pytest.raises(errors.HydatisError) as raised:
            await client.forecast_nodes(timeout_seconds=5)
    expected = {
        errors.TraceRefused: errors.ArtifactRefused,
        errors.CallerError: errors.InvalidValue,
        errors.OperationalError: errors.DependencyUnavailable,
        errors.HydatisError: errors.DependencyUnavailable,
    }.get(row.error, row.error)
    assert type(raised.value) is expected
    assert (raised.value.message, raised.value.field, raised.value.expected) == ("it was wrong", "rows", "it right")
    assert running.value("hydatis_rpc_requests_total", method=METHOD, code=row.code.name) == 1


async def test_the_status_carries_one_error_info_of_our_domain(forecaster):
    running = await forecaster(raiser(errors.UnknownNode("node 'x' is not here", field="node_names")))
    async with open_channel(running.address) as channel:
        call = forecast_pb2_grpc.ForecastServiceStub(channel).ForecastNodes(forecast_pb2.ForecastNodesRequest(), timeout=5)
        status = await rpc_status.aio.from_call(call)
        details = await call.details()
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == ("UNKNOWN_NODE", DOMAIN, {"field": "node_names"})
    assert details == "node 'x' is not here"


async def test_a_defect_becomes_internal_without_details_and_is_logged_once(forecaster, caplog):
    running = await forecaster(raiser(ZeroDivisionError("the secret is 42")))
    with caplog.at_level(logging.ERROR):
        async with open_channel(running.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await forecast_pb2_grpc.ForecastServiceStub(channel).ForecastNodes(forecast_pb2.ForecastNodesRequest(), timeout=5)
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert refused.value.details() == "internal error"
    assert "42" not in str(refused.value.trailing_metadata())
    assert isinstance(from_rpc_error(refused.value), errors.DependencyUnavailable)
    assert running.value("hydatis_rpc_requests_total", method=METHOD, code="INTERNAL") == 1


async def test_a_deadline_that_passes_is_too_late_and_the_servicer_is_cancelled(forecaster):
    cancelled = asyncio.Event()

    async def wait(request: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    running = await forecaster(wait)
    async with ForecastClient(running.address) as client:
        with pytest.raises(errors.TooLate):
            await client.forecast_nodes(timeout_seconds=0.05)
        async with asyncio.timeout(5):
            await cancelled.wait()
        with pytest.raises(errors.TooLate, match="no time is left"):
            await client.forecast_nodes(timeout_seconds=0)
        with pytest.raises(errors.InvalidValue):
            await client.forecast_nodes(timeout_seconds=float("inf"))
    assert running.value("hydatis_rpc_requests_total", method=METHOD, code="CANCELLED") == 1


async def test_a_trace_continues_over_two_hops(forecaster, serve, spans):
    provider, exporter = spans
    tracer = provider.get_tracer("test")
    inner = await forecaster(answer, tracer=tracer)

    class Detector(anomaly_pb2_grpc.AnomalyServiceServicer):
        async def ScoreNodes(self, request: Any, context: Any) -> Any:
            async with ForecastClient(inner.address) as client:
                await client.forecast_nodes(timeout_seconds=5)
            return risk_response_to_proto(RiskTable(60, np.zeros(1, dtype=np.float32), 0.5))

    outer = await serve(
        lambda s: anomaly_pb2_grpc.add_AnomalyServiceServicer_to_server(Detector(), s),
        "hydatis.anomaly.v1.AnomalyService",
        tracer=tracer,
    )
    async with AnomalyClient(outer.address) as client:
        with tracer.start_as_current_span("decision"):
            await client.score_nodes(timeout_seconds=5)
    by_name = {span.name: span for span in exporter.get_finished_spans()}
    decision = by_name["decision"]
    score = by_name["hydatis.anomaly.v1.AnomalyService/ScoreNodes"]
    forecast = by_name["hydatis.forecast.v1.ForecastService/ForecastNodes"]
    assert {span.context.trace_id for span in (score, forecast)} == {decision.context.trace_id}
    assert score.parent.span_id == decision.context.span_id
    assert forecast.parent.span_id == score.context.span_id


async def test_a_call_that_is_not_sampled_makes_no_span_but_hands_its_trace_on(forecaster, spans):
    provider, exporter = spans
    seen: list[tuple[str, str | None]] = []

    async def look(request: Any) -> Any:
        seen.append((current_trace_id(sampled_only=False), traceparent()))
        return ANSWER

    running = await forecaster(look, tracer=provider.get_tracer("test"))
    with TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("caller").start_as_current_span("decision") as span:
        said = traceparent()
        async with ForecastClient(running.address) as client:
            await client.forecast_nodes(timeout_seconds=5)
    assert seen == [(f"{span.get_span_context().trace_id:032x}", said)]
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    "text", ["", "nonsense", "ff-" + "1" * 32 + "-" + "2" * 16 + "-01", "00-" + "0" * 32 + "-" + "2" * 16 + "-01"]
)
async def test_a_traceparent_that_is_none_starts_a_new_trace(forecaster, spans, text):
    provider, exporter = spans
    running = await forecaster(answer, tracer=provider.get_tracer("test"))
    async with open_channel(running.address) as channel:
        await forecast_pb2_grpc.ForecastServiceStub(channel).ForecastNodes(
            forecast_pb2.ForecastNodesRequest(), timeout=5, metadata=(("traceparent", text),)
        )
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


async def test_a_failed_call_is_marked_in_its_span(forecaster, spans):
    provider, exporter = spans
    running = await forecaster(raiser(errors.WrongShape("bad")), tracer=provider.get_tracer("test"))
    async with ForecastClient(running.address) as client:
        with pytest.raises(errors.WrongShape):
            await client.forecast_nodes(timeout_seconds=5)
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR


async def test_a_stream_needs_no_deadline_and_its_error_crosses_the_wire(serve):
    class Forecaster(forecast_pb2_grpc.ForecastServiceServicer):
        async def WatchForecasts(self, request: Any, context: Any) -> Any:
            yield forecast_pb2.WatchForecastsResponse(generation=1)
            raise errors.GenerationUnavailable("gone", field="generation")

    running = await serve(
        lambda s: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(Forecaster(), s), "hydatis.forecast.v1.ForecastService"
    )
    async with open_channel(running.address) as channel:
        call = forecast_pb2_grpc.ForecastServiceStub(channel).WatchForecasts(forecast_pb2.WatchForecastsRequest(subscriber="test"))
        assert (await call.read()).generation == 1
        with pytest.raises(grpc.aio.AioRpcError) as broken:
            await call.read()
    assert isinstance(from_rpc_error(broken.value), errors.GenerationUnavailable)
    method = "/hydatis.forecast.v1.ForecastService/WatchForecasts"
    assert running.value("hydatis_rpc_requests_total", method=method, code="FAILED_PRECONDITION") == 1
    assert running.value("hydatis_rpc_open_streams_count", method=method) == 0


async def test_a_subscriber_that_goes_away_ends_the_servicers_stream(serve):
    ended = asyncio.Event()

    class Forecaster(forecast_pb2_grpc.ForecastServiceServicer):
        async def WatchForecasts(self, request: Any, context: Any) -> Any:
            try:
                yield forecast_pb2.WatchForecastsResponse(generation=1)
                await asyncio.Event().wait()
            finally:
                ended.set()

    running = await serve(
        lambda s: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(Forecaster(), s), "hydatis.forecast.v1.ForecastService"
    )
    async with open_channel(running.address) as channel:
        call = forecast_pb2_grpc.ForecastServiceStub(channel).WatchForecasts(forecast_pb2.WatchForecastsRequest(subscriber="test"))
        await call.read()
        call.cancel()
        async with asyncio.timeout(5):
            await ended.wait()


def test_an_error_that_is_not_ours_is_internal():
    assert row_of(ValueError("x")).code is grpc.StatusCode.INTERNAL
