"""A real server, asked over a real socket."""

import asyncio
import urllib.error
import urllib.request
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_core.errors import DependencyUnavailable, HydatisError, InvalidValue
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving.channels import open_channel
from hydatis_serving.clients import ForecastClient
from hydatis_serving.convert.forecast import forecast_response_to_proto
from hydatis_serving.metrics import new_registry
from hydatis_serving.server import GrpcServer
from hydatis_serving.settings import ServiceSettings

METHOD = "/hydatis.forecast.v1.ForecastService/ForecastNodes"
TABLE = ForecastTable(60, np.ones((2, 24), dtype=np.float32))


async def answer_table(request: Any) -> Any:
    return forecast_response_to_proto(TABLE)


async def get(port: int, path: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    return await asyncio.to_thread(fetch)


async def health(address: str, service: str = "") -> int:
    async with open_channel(address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        return int(answer.status)


async def test_health_says_serving_of_the_whole_and_of_each_service_once_ready(forecaster):
    running = await forecaster(answer_table)
    assert await health(running.address) == health_pb2.HealthCheckResponse.SERVING
    assert await health(running.address, "hydatis.forecast.v1.ForecastService") == health_pb2.HealthCheckResponse.SERVING
    await running.server.set_ready(False)
    assert await health(running.address) == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_reflection_lists_the_services(forecaster):
    running = await forecaster(answer_table)
    async with open_channel(running.address) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        await call.done_writing()
    names = {service.name for service in answer.list_services_response.service}
    assert {"hydatis.forecast.v1.ForecastService", "grpc.health.v1.Health"} <= names


async def test_the_http_endpoint_serves_metrics_health_and_readiness(forecaster):
    running = await forecaster(answer_table)
    async with ForecastClient(running.address) as client:
        await client.forecast_nodes(timeout_seconds=5)
    port = running.server.metrics_port
    status, text = await get(port, "/metrics")
    assert status == 200
    assert f'hydatis_rpc_requests_total{{code="OK",method="{METHOD}"}} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert await get(port, "/healthz") == (200, "ok\n")
    assert await get(port, "/readyz") == (200, "ready\n")
    await running.server.set_ready(False)
    assert (await get(port, "/readyz"))[0] == 503
    assert (await get(port, "/elsewhere"))[0] == 404


async def test_calls_are_counted_and_timed_by_method_and_code(forecaster):
    async def refuse(request: Any) -> Any:
        raise InvalidValue("no", field="rows")

    running = await forecaster(refuse)
    async with ForecastClient(running.address) as client:
        for _ in range(3):
            with pytest.raises(InvalidValue):
                await client.forecast_nodes(timeout_seconds=5)
    assert running.value("hydatis_rpc_requests_total", method=METHOD, code="INVALID_ARGUMENT") == 3
    assert running.value("hydatis_rpc_seconds_count", method=METHOD) == 3


async def test_a_call_in_flight_finishes_when_the_server_stops(forecaster):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def wait(request: Any) -> Any:
        entered.set()
        await leave.wait()
        return forecast_response_to_proto(TABLE)

    running = await forecaster(wait)
    async with ForecastClient(running.address) as client:
        call = asyncio.create_task(client.forecast_nodes(timeout_seconds=10))
        await entered.wait()
        watch = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stop = asyncio.create_task(running.server.stop(10))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        with pytest.raises(DependencyUnavailable):
            async with ForecastClient(running.address) as late:
                await late.forecast_nodes(timeout_seconds=5)
        assert not stop.done()
        leave.set()
        assert (await call).generation == 60
        await stop


async def test_health_says_not_serving_before_calls_are_refused(forecaster):
    leave = asyncio.Event()

    async def wait(request: Any) -> Any:
        await leave.wait()
        return forecast_response_to_proto(TABLE)

    running = await forecaster(wait)
    async with open_channel(running.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stop = asyncio.create_task(running.server.stop(5))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        leave.set()
        await stop


async def test_an_oversized_message_is_refused_and_the_server_goes_on(forecaster):
    running = await forecaster(answer_table, max_message_bytes=2**16)
    async with ForecastClient(running.address) as client:
        with pytest.raises(InvalidValue, match="RESOURCE_EXHAUSTED"):
            await client.forecast_nodes(np.arange(2**15, dtype=np.int32), timeout_seconds=5)
        assert (await client.forecast_nodes(timeout_seconds=5)).generation == 60


async def test_an_answer_too_large_for_its_reader_is_refused_there(forecaster):
    async def much(request: Any) -> Any:
        return forecast_response_to_proto(ForecastTable(60, np.ones((2000, 24), dtype=np.float32)))

    running = await forecaster(much)
    async with ForecastClient(running.address, max_message_bytes=2**16) as client:
        with pytest.raises(InvalidValue, match="RESOURCE_EXHAUSTED"):
            await client.forecast_nodes(timeout_seconds=5)


async def test_a_method_that_nobody_serves_is_an_unavailable_dependency(serve):
    running = await serve(lambda server: None, "hydatis.forecast.v1.ForecastService")
    async with ForecastClient(running.address) as client:
        with pytest.raises(DependencyUnavailable, match="UNIMPLEMENTED"):
            await client.forecast_nodes(timeout_seconds=5)


@pytest.mark.parametrize("taken", ["grpc_port", "metrics_port"])
async def test_a_taken_port_is_said_in_one_sentence(forecaster, taken):
    running = await forecaster(answer_table)
    port = {"grpc_port": running.server.port, "metrics_port": running.server.metrics_port}[taken]
    server = GrpcServer(ServiceSettings(**{taken: port}), new_registry())
    with pytest.raises(DependencyUnavailable, match=f"cannot listen on 127.0.0.1:{port}") as refused:
        await server.start()
    assert refused.value.field == taken
    await server.stop(0)


async def test_the_ten_line_client_of_plain_grpc_works(forecaster):
    running = await forecaster(answer_table)

    def plain() -> Any:
        with grpc.insecure_channel(running.address) as channel:
            return forecast_pb2_grpc.ForecastServiceStub(channel).ForecastNodes(forecast_pb2.ForecastNodesRequest(), timeout=5)

    assert (await asyncio.to_thread(plain)).generation == 60


async def test_nobody_there_is_an_unavailable_dependency_that_names_the_address():
    async with ForecastClient("127.0.0.1:1") as client:
        with pytest.raises(DependencyUnavailable, match=r"127\.0\.0\.1:1 answered"):
            await client.forecast_nodes(timeout_seconds=5)


async def test_a_client_finds_a_server_that_comes_back(forecaster):
    first = await forecaster(answer_table)
    port = first.server.port
    async with ForecastClient(first.address) as client:
        assert (await client.forecast_nodes(timeout_seconds=5)).generation == 60
        await first.server.stop(0)
        with pytest.raises(HydatisError):
            await client.forecast_nodes(timeout_seconds=5)
        await forecaster(answer_table, port=port)
        async with asyncio.timeout(5):
            while True:
                try:
                    assert (await client.forecast_nodes(timeout_seconds=1)).generation == 60
                    break
                except DependencyUnavailable:
                    await client.channel.wait_for_state_change(client.channel.get_state(try_to_connect=True))
