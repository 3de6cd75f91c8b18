"""feature-service keeps its state in a real Redis: after kill -9 it goes on where it was, and without Redis it goes on as well."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis as client_library
from hydatis_cli.exposition import scrape, total_by
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_feature_service.redis_warm_store import KEY
from hydatis_feature_service.warm_blob import unpack
from hydatis_features.table import NodeTable
from hydatis_serving.clients import FeatureClient, PodEvent, ReplaySourceClient

FIRST = 1_700_000_100
NODES = tuple(Node(f"warm-{i:02d}", Resources(16.0, 64.0 * 2**30)) for i in range(20))
PODS = tuple(Pod(f"pod-{i}", f"pod-{i}", workload=f"Deployment/{i % 3}", requests=Resources(2.0, 2.0**32)) for i in range(40))


class Redis:
    """A redis-server of the test's own, in memory only."""

    def __init__(self, program: str, port: int, folder: Path) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self._command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._folder = folder
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "redis.log").open("ab") as log:
            self._running = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder)

    def answers(self) -> bool:
        with client_library.Redis.from_url(self.url, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except client_library.ConnectionError:
                return False

    def copy(self, name: str) -> None:
        subprocess.run(["redis-cli", "-u", self.url, "--rdb", name], check=True, capture_output=True, cwd=self._folder)

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait(30)
            self._running = None


@pytest.fixture
def redis(redis_server_path: str, free_port: Callable[[], int], tmp_path: Path) -> Iterator[Redis]:
    running = Redis(redis_server_path, free_port(), tmp_path)
    running.start()
    yield running
    running.kill()


@pytest.fixture
def feature_service(start: Callable[..., Any], redis: Redis, free_port: Callable[[], int]) -> Callable[[], Any]:
    """Starts a feature-service on that Redis, always on the same port."""
    ports = {"GRPC_PORT": str(free_port()), "METRICS_PORT": str(free_port())}
    return lambda: start("feature-service", WARM_STORE=redis.url, WARM_LEAST_GAP_SECONDS="0.05", WARM_TIMEOUT_SECONDS="1", **ports)


async def load(address: str) -> None:
    """A cluster with forty pods."""
    source = ReplaySourceClient(address)
    await source.load_cluster(NODES, 300.0, 15.0, timeout_seconds=20)
    events = [PodEvent.bound(pod, NODES[i % len(NODES)].name, FIRST - 500.0) for i, pod in enumerate(PODS)]
    await source.report_pod_events(events, timeout_seconds=20)
    await source.close()


async def tick(address: str, number: int) -> int:
    """The samples of a tick, the same for the same number."""
    random = np.random.default_rng(number)
    node_usage = random.uniform(0.5, 8.0, (len(NODES), 6)).astype(np.float32)
    pod_usage = random.uniform(0.1, 1.0, (len(PODS), 2)).astype(np.float32)
    source = ReplaySourceClient(address)
    generation = FIRST + 300 * number
    await source.advance_tick(generation, generation - 15.0, node_usage, [pod.uid for pod in PODS], pod_usage, timeout_seconds=20)
    await source.close()
    return generation


async def table(address: str) -> NodeTable:
    client = FeatureClient(address)
    found = await client.node_features(timeout_seconds=20)
    await client.close()
    return found


def kept_generation(redis: Redis) -> int:
    """Generation of the state that Redis holds; 0: none."""
    with client_library.Redis.from_url(redis.url, socket_timeout=2) as client:
        data = client.get(KEY)
    return unpack(data).generation if data else 0


def writes(service: Any, outcome: str) -> float:
    return total_by(scrape(service.metrics_url), "hydatis_warm_writes_total", "outcome").get(outcome, 0.0)


async def test_after_kill_9_the_table_is_the_same_to_the_bit_and_so_is_the_next(
    redis: Redis, feature_service: Callable[[], Any], start: Callable[..., Any], until: Callable[..., Any]
) -> None:
    service = feature_service()
    await load(service.address)
    for number in range(6):
        generation = await tick(service.address, number)
    before = await table(service.address)
    until(lambda: kept_generation(redis) == generation, "the newest state is kept")
    service.kill()

    again = feature_service()
    after = await table(again.address)
    assert after.generation == before.generation == generation
    assert after.node_names == before.node_names
    assert after.values.tobytes() == before.values.tobytes()

    # windows, profiles and pods came back as well: the next tick is that of a service which never died
    never_died = start("feature-service", WARM_STORE="none")
    await load(never_died.address)
    for number in range(7):
        await tick(never_died.address, number)
    await tick(again.address, 6)
    one, other = await table(again.address), await table(never_died.address)
    assert one.generation == other.generation == generation + 300
    assert one.values.tobytes() == other.values.tobytes()


async def test_a_copy_of_redis_restored_elsewhere_gives_the_same_table(
    redis: Redis, feature_service: Callable[[], Any], until: Callable[..., Any]
) -> None:
    service = feature_service()
    await load(service.address)
    for number in range(3):
        generation = await tick(service.address, number)
    before = await table(service.address)
    until(lambda: kept_generation(redis) == generation, "the newest state is kept")
    redis.copy("dump.rdb")  # what a redis-server reads when it starts
    service.kill()
    redis.kill()  # it kept nothing by itself: all is lost but the copy

    redis.start()
    until(redis.answers, "redis is back")
    assert kept_generation(redis) == generation
    after = await table(feature_service().address)
    assert after.generation == before.generation
    assert after.values.tobytes() == before.values.tobytes()


async def test_ticks_go_on_without_redis_and_the_state_is_kept_again_when_it_is_back(
    redis: Redis, feature_service: Callable[[], Any], until: Callable[..., Any]
) -> None:
    service = feature_service()
    await load(service.address)
    generation = await tick(service.address, 0)
    until(lambda: kept_generation(redis) == generation, "the state is kept")
    redis.kill()
    for number in range(1, 4):
        assert await tick(service.address, number) == FIRST + 300 * number
    assert (await table(service.address)).generation == FIRST + 900
    until(lambda: writes(service, "failed") > 0, "failed writes are counted")
    assert service.running.poll() is None
    assert service.log.read_text().count("the state is not kept") == 1, "an outage is said once"
    written = writes(service, "written")
    redis.start()
    until(lambda: writes(service, "written") > written, "it is written again")
    assert kept_generation(redis) == FIRST + 900


async def test_a_redis_that_is_gone_at_the_start_costs_a_cold_start_and_no_more(
    redis: Redis, feature_service: Callable[[], Any]
) -> None:
    redis.kill()
    service = feature_service()
    await load(service.address)
    assert await tick(service.address, 0) == FIRST
