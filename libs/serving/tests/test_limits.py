"""What a listener of every service does with too much: it refuses, says when to try again, and goes on serving the others."""

import asyncio
import socket
from typing import Any

import grpc.aio
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_core.errors import InvalidValue, TooMany
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving import http_endpoint
from hydatis_serving.clients import ForecastClient
from hydatis_serving.convert.forecast import forecast_response_to_proto

ANSWER = forecast_response_to_proto(ForecastTable(60, np.ones((1, 24), dtype=np.float32)))
SERVICE = "hydatis.forecast.v1.ForecastService"


class Stuck(forecast_pb2_grpc.ForecastServiceServicer):
    """Answers when it is told to; its streams say one thing and then nothing."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def ForecastNodes(self, request: Any, context: Any) -> Any:
        await self.go.wait()
        return ANSWER

    async def WatchForecasts(self, request: Any, context: Any) -> Any:
        yield forecast_pb2.WatchForecastsResponse()
        await self.go.wait()


@pytest.fixture
async def stuck(serve):
    servicer = Stuck()
    running = await serve(
        lambda s: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(servicer, s),
        SERVICE,
        max_calls_count=3,
        max_streams_count=2,
        max_message_bytes=2**16,
    )
    yield running, servicer
    servicer.go.set()


async def healthy(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_one_call_too_many_is_refused_at_once_and_told_when_to_try_again(stuck):
    running, servicer = stuck
    async with ForecastClient(running.address) as client:
        waiting = [asyncio.create_task(client.forecast_nodes(timeout_seconds=30)) for _ in range(10)]
        done, pending = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 7:
            more, pending = await asyncio.wait(pending, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        assert all(isinstance(call.exception(), TooMany) for call in done)
        assert len(pending) == 3
        assert await healthy(running.address)
        servicer.go.set()
        assert len(await asyncio.gather(*pending)) == 3
        assert (await client.forecast_nodes(timeout_seconds=5)).generation == 60


async def test_the_status_of_one_too_many_carries_retry_info(stuck):
    running, _ = stuck
    async with grpc.aio.insecure_channel(running.address) as channel:
        stub = forecast_pb2_grpc.ForecastServiceStub(channel)
        streams = [stub.WatchForecasts(forecast_pb2.WatchForecastsRequest(subscriber="x")) for _ in range(2)]
        for stream in streams:
            await stream.read()
        third = stub.WatchForecasts(forecast_pb2.WatchForecastsRequest(subscriber="x"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await third.read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        status = await rpc_status.aio.from_call(third)
        retry = error_details_pb2.RetryInfo()
        assert [detail.Unpack(retry) for detail in status.details] == [False, True]
        assert retry.retry_delay.seconds == 1
        # a place that is given back is another's
        streams[0].cancel()
        async with asyncio.timeout(10):
            while True:
                try:
                    await stub.WatchForecasts(forecast_pb2.WatchForecastsRequest(subscriber="x")).read()
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0)


async def test_a_message_above_the_limit_is_refused(stuck):
    running, _ = stuck
    async with ForecastClient(running.address) as client:
        with pytest.raises(InvalidValue, match="RESOURCE_EXHAUSTED"):
            await client.forecast_nodes(rows=np.zeros(2**15, dtype=np.int32), timeout_seconds=5)
    assert await healthy(running.address)


async def test_oversized_metadata_is_refused(stuck):
    running, servicer = stuck
    servicer.go.set()
    async with grpc.aio.insecure_channel(running.address) as channel:
        stub = forecast_pb2_grpc.ForecastServiceStub(channel)
        big = (("x-big", "y" * 2**16),)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ForecastNodes(forecast_pb2.ForecastNodesRequest(), timeout=5, metadata=big)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await stub.ForecastNodes(forecast_pb2.ForecastNodesRequest(), timeout=5) == ANSWER


def readyz(port: int, source: str = "127.0.0.1") -> int | None:
    """Status, or None when the connection was closed."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0)) as asking:
            asking.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            said = asking.recv(4096)
    except ConnectionError:
        return None
    return int(said.split()[1]) if said else None


async def test_idle_connections_to_the_metrics_port_leave_room_for_others_and_are_cut_off(stuck, monkeypatch):
    monkeypatch.setattr(http_endpoint, "CONNECTION_SECONDS", 2.0)
    running, _ = stuck
    port = running.server.metrics_port

    def attack() -> tuple[int | None, int | None]:
        idle = [socket.create_connection(("127.0.0.1", port), timeout=5, source_address=("127.0.0.2", 0)) for _ in range(300)]
        for one in idle:
            try:
                one.sendall(b"GET /readyz HTTP/1.0\r\nX-Slow: ")
            except ConnectionError:
                continue
        neighbour, own = readyz(port), readyz(port, "127.0.0.2")
        for one in idle:
            one.settimeout(10)
            try:
                while one.recv(4096):
                    pass
            except ConnectionError:
                pass
            one.close()
        return neighbour, own

    assert await asyncio.to_thread(attack) == (200, None)
    assert await asyncio.to_thread(readyz, port, "127.0.0.2") == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /readyz HTTP/1.1\r\n" + b"A: b\r\n" * 5000,
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n",
        b"\x16\x03\x01" * 5000 + b"\r\n",
    ],
    ids=["endless headers", "endless path", "no HTTP"],
)
async def test_nonsense_at_the_metrics_port_is_refused(stuck, head):
    running, _ = stuck
    port = running.server.metrics_port

    def send() -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=15) as asking:
            try:
                asking.sendall(head + b"\r\n")
                return asking.recv(4096)
            except ConnectionError:
                return b""

    said = await asyncio.to_thread(send)
    assert said == b"" or b" 4" in said.splitlines()[0] or b"Bad request" in said or b"Error code" in said
    assert await asyncio.to_thread(readyz, port) == 200
