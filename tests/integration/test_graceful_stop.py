"""A process told to stop finishes what it has begun, takes nothing new, and is started again."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from hydatis.placement.v1 import placement_pb2, placement_pb2_grpc
from hydatis_cli.exposition import scrape
from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.readiness import is_ready
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources

FIRST = 1_700_000_100
NAMES = tuple(f"stop-{i}" for i in range(6))
WAITERS = 20


class Ticks:
    """Advances the stack."""

    def __init__(self, feed: StackFeed) -> None:
        self._feed = feed
        self.generation = FIRST - 300

    def advance(self) -> int:
        """One more tick, held by every process that runs."""
        self.generation += 300
        usage = np.full((len(NAMES), 6), np.nan, dtype=np.float32)
        usage[:, 0], usage[:, 1] = 2.0, 2.0**33
        self._feed.on_tick(self.generation, self.generation - 15.0, usage, [], np.empty((0, 2), dtype=np.float32))
        return self.generation


@pytest.fixture
def ticks(stack: Stack, until: Callable[..., Any]) -> Iterator[Ticks]:
    """A cluster in a stack that is whole, before and after."""
    feed = StackFeed(stack.features_address, stack.extender_url)
    feed.on_nodes([Node(name, Resources(32.0, 128.0 * 2**30)) for name in NAMES], 300.0, 15.0)
    ticks = Ticks(feed)
    whole(stack, ticks.advance(), until)
    yield ticks
    until(lambda: all(is_ready(process) for process in stack.processes()), "every process is ready again")
    whole(stack, ticks.advance(), until)
    feed.close()


def whole(stack: Stack, generation: int, until: Callable[..., Any]) -> None:
    """Returns when shim and placement-policy hold a generation and speak to each other."""
    client = ExtenderClient(stack.extender_url)

    def here() -> bool:
        try:
            path = f"/generation?at_least={generation}&timeout_seconds=5"
            return bool(client.get_json(path, timeout_seconds=10)["generation"] >= generation)
        except DependencyUnavailable:
            return False

    until(here, f"generation {generation} is everywhere")
    client.close()


def listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0


def restarted(name: str, pid: int, pids: Callable[[], dict[str, int]], until: Callable[..., Any]) -> None:
    until(lambda: pids()[name] not in (0, pid), f"{name} is started again")


def test_a_grpc_service_answers_calls_in_flight(
    stack: Stack, ticks: Ticks, pids: Callable[[], dict[str, int]], until: Callable[..., Any]
) -> None:
    pid, address = pids()["placement-policy"], stack.address(13)
    wanted = ticks.generation + 300
    with grpc.insecure_channel(address) as channel:
        stub = placement_pb2_grpc.PlacementServiceStub(channel)
        stub.AwaitGeneration(placement_pb2.AwaitGenerationRequest(generation=ticks.generation), timeout=10)
        request = placement_pb2.AwaitGenerationRequest(generation=wanted)
        calls = [stub.AwaitGeneration.future(request, timeout=30) for _ in range(WAITERS)]
        # an answer on the same connection says that the calls before it have come in
        stub.AwaitGeneration(placement_pb2.AwaitGenerationRequest(generation=ticks.generation), timeout=10)
        os.kill(pid, signal.SIGTERM)
        until(lambda: not listens(address), "it takes no new connections")
        assert not any(call.done() for call in calls)
        ticks.advance()
        assert [call.result().generation for call in calls] == [wanted] * WAITERS
    restarted("placement-policy", pid, pids, until)


def test_the_shim_answers_requests_in_flight(
    stack: Stack, ticks: Ticks, pids: Callable[[], dict[str, int]], until: Callable[..., Any]
) -> None:
    pid, address = pids()["scheduler-plugin"], stack.address(80)
    wanted = ticks.generation + 300

    request = f"GET /generation?at_least={wanted}&timeout_seconds=30 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    connections = [socket.create_connection(("127.0.0.1", stack.base_port + 80), timeout=40) for _ in range(WAITERS)]
    try:
        for connection in connections:
            connection.sendall(request)
        for _ in range(2):  # an answer to a later connection says that the earlier ones have been read
            scrape(f"{stack.extender_url}/metrics")
        os.kill(pid, signal.SIGTERM)
        until(lambda: not listens(address), "it takes no new connections")
        ticks.advance()
        for connection in connections:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))  # noqa: B023  # read at once
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"generation": wanted}
    finally:
        for connection in connections:
            connection.close()
    restarted("scheduler-plugin", pid, pids, until)


def test_many_decisions_at_once_are_all_answered_though_the_shim_is_told_to_stop(
    stack: Stack, ticks: Ticks, pids: Callable[[], dict[str, int]], until: Callable[..., Any]
) -> None:
    """Each answer is whole or there is none: a connection may be refused, but never is an answer cut off."""
    pid = pids()["scheduler-plugin"]
    bodies = [
        json.dumps(
            {"Pod": pod_json(Pod(f"many-{i}", requests=Resources(1.0, 2.0**30))), "Nodes": None, "NodeNames": NAMES}
        ).encode()
        for i in range(200)
    ]

    def ask(i: int) -> tuple[int, bytes] | None:
        if i == 100:
            os.kill(pid, signal.SIGTERM)
        with socket.socket() as connection:
            connection.settimeout(20)
            if connection.connect_ex(("127.0.0.1", stack.base_port + 80)) != 0:
                return None
            head = f"POST /filter HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(bodies[i])}\r\n\r\n"
            try:
                connection.sendall(head.encode() + bodies[i])
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionError:
                return None  # it had stopped listening between the two ends of the handshake
        if not answer:
            return None
        status, _, rest = answer.partition(b"\r\n")
        headers, _, body = rest.partition(b"\r\n\r\n")
        assert len(body) == int(headers.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(status.split()[1]), body

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))
    answered = [answer for answer in answers if answer is not None]
    assert len(answered) >= 80
    assert {status for status, _ in answered} == {200}
    assert all(json.loads(body)["NodeNames"] == list(NAMES) for _, body in answered)
    restarted("scheduler-plugin", pid, pids, until)
