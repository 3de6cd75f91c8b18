"""The writer against a real feature-service and a real Redis: what is served, stored and joined is the same to the bit, once."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import redis as client_library
from control_plane.waiting import until
from hydatis_cli.exposition import scrape
from hydatis_cli.stored_features import feature_repository
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_feature_store.repository import FeatureRepository
from hydatis_feature_store.stored_views import NODE_FEATURES, WORKLOAD_PROFILES
from hydatis_features.table import NodeTable
from hydatis_serving.clients import FeatureClient, PodEvent, ReplaySourceClient

FIRST = 1_700_000_100
TICK = 300
NODES = tuple(Node(f"node-{i:02d}", Resources(16.0, 64.0 * 2**30)) for i in range(12))
PODS = tuple(Pod(f"pod-{i}", f"pod-{i}", workload=f"Deployment/{i % 3}", requests=Resources(2.0, 2.0**32)) for i in range(24))


def port_not_given_out() -> int:
    """One that the kernel gives to no outgoing connection: who is killed must find it free again."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Running:
    """A process of ours on a port of its own."""

    def __init__(
        self, command: Sequence[str], log: Path, answers: Callable[[], bool], environment: dict[str, str] | None = None
    ) -> None:
        self._command, self._log, self._answers = command, log, answers
        self._environment = os.environ | (environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=output, env=self._environment, cwd=self._log.parent
            )
        until(
            lambda: self._process is None or self._process.poll() is not None or self._answers(), f"{self._log.stem} answers", 180
        )
        assert self._process.poll() is None, self._log.read_text()[-2000:]

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """A feature-service with the replay source; its address."""
    grpc_port, metrics_port = port_not_given_out(), port_not_given_out()
    settings = {"GRPC_PORT": str(grpc_port), "METRICS_PORT": str(metrics_port), "WARM_STORE": "none"}
    environment = {f"HYDATIS_FEATURE_SERVICE_{key}": value for key, value in settings.items()}
    command = [sys.executable, "-m", "hydatis_feature_service"]
    running = Running(command, tmp_path / "feature-service.log", lambda: is_ready(metrics_port), environment)
    running.start()
    yield f"127.0.0.1:{grpc_port}"
    running.kill()


class Redis(Running):
    """A redis-server that keeps nothing on disk: after a kill it comes back empty."""

    def __init__(self, program: str, folder: Path) -> None:
        port = port_not_given_out()
        self.url = f"redis://127.0.0.1:{port}/0"
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__(command, folder / "redis.log", self._pongs)

    def _pongs(self) -> bool:
        with client_library.Redis.from_url(self.url, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except client_library.ConnectionError:
                return False


@pytest.fixture
def redis(redis_server_path: str, tmp_path: Path) -> Iterator[Redis]:
    running = Redis(redis_server_path, tmp_path)
    running.start()
    yield running
    running.kill()


class Writer(Running):
    """`hydatis features write`."""

    def __init__(self, folder: Path, address: str, online: str) -> None:
        self.port = port_not_given_out()
        self.state, self.online = folder / "state", online
        command = [sys.executable, "-m", "hydatis_cli.main", "features", "write", "--features-address", address]
        command += ["--state", str(self.state), "--online", online, "--every", "0", "--online-every", "0", "--keep-days", "0"]
        super().__init__([*command, "--metrics-port", str(self.port)], folder / "writer.log", lambda: is_ready(self.port))

    def count(self, store: str, outcome: str) -> float:
        labels = {"store": store, "outcome": outcome}
        return sum(
            value
            for (name, held), value in scrape(f"http://127.0.0.1:{self.port}/metrics").items()
            if name == "hydatis_feature_writes_total" and dict(held) == labels
        )

    @property
    def repository(self) -> FeatureRepository:
        return feature_repository(self.state, self.online)


@pytest.fixture
def make_writer(service: str, tmp_path: Path) -> Iterator[Callable[[str], Writer]]:
    made: list[Writer] = []

    def make(online: str) -> Writer:
        made.append(Writer(tmp_path, service, online))
        return made[-1]

    yield make
    for one in made:
        one.kill()


async def _tell(address: str, ticks: Sequence[int], *, anew: bool) -> NodeTable:
    source, client = ReplaySourceClient(address), FeatureClient(address)
    if anew:
        await source.load_cluster(NODES, float(TICK), 15.0, timeout_seconds=20)
        events = [PodEvent.bound(pod, NODES[i % len(NODES)].name, FIRST - 500.0) for i, pod in enumerate(PODS)]
        await source.report_pod_events(events, timeout_seconds=20)
    for number in ticks:
        draws = np.random.default_rng(number)
        node_usage = draws.uniform(0.5, 8.0, (len(NODES), 6)).astype(np.float32)
        node_usage[draws.random(node_usage.shape) < 0.1] = np.nan
        pod_usage = draws.uniform(0.1, 1.0, (len(PODS), 2)).astype(np.float32)
        at = FIRST + TICK * number
        await source.advance_tick(at, at - 15.0, node_usage, [pod.uid for pod in PODS], pod_usage, timeout_seconds=20)
    table = await client.node_features(timeout_seconds=20)
    await source.close()
    await client.close()
    return table


def tell(address: str, *ticks: int, anew: bool = False) -> NodeTable:
    """Has feature-service make these ticks; the table that it serves then."""
    return asyncio.run(_tell(address, ticks, anew=anew))


def is_online(repository: FeatureRepository, table: NodeTable) -> bool:
    return bool((repository.online_times(table.node_names) == table.generation).all())


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_the_served_table_the_training_set_and_the_online_rows_are_equal_to_the_bit(
    store: str, service: str, make_writer: Callable[[str], Writer], request: pytest.FixtureRequest
) -> None:
    writer = make_writer("sqlite" if store == "sqlite" else request.getfixturevalue("redis").url)
    tell(service, 0, anew=True)
    writer.start()
    for number in range(1, 5):
        served = tell(service, number)
        until(lambda: writer.repository.offline().has(served.generation), "the table is stored")  # noqa: B023
    until(lambda: is_online(writer.repository, served), "the table is online")
    assert served.columns == NODE_FEATURES.names
    assert 0.05 < np.isnan(served.values).mean() < 0.95

    names, repository = list(served.node_names), writer.repository
    joined = repository.training_rows(names, [served.generation + 1.0] * len(names))
    assert joined.tobytes() == served.values.tobytes()
    assert repository.online_rows(names).tobytes() == served.values.tobytes()
    # and an hour ago it was what was known then, not what is known now
    before = repository.training_rows(names, [served.generation - 1.0] * len(names))
    assert before.tobytes() == repository.offline().read(served.generation - TICK)[1].tobytes() != joined.tobytes()

    profiles = repository.offline(WORKLOAD_PROFILES)
    until(profiles.generations, "profiles are stored")
    keys, rows = profiles.read(profiles.generations()[-1])
    assert (
        repository.training_rows(
            keys, [served.generation] * len(keys), view=WORKLOAD_PROFILES, columns=WORKLOAD_PROFILES.names
        ).tobytes()
        == rows.tobytes()
    )


def test_a_writer_that_is_killed_writes_nothing_twice_and_goes_on(
    service: str, make_writer: Callable[[str], Writer], redis: Redis
) -> None:
    writer = make_writer(redis.url)
    tell(service, 0, 1, anew=True)
    writer.start()
    served = tell(service, 2)
    until(lambda: writer.repository.offline().has(served.generation) and is_online(writer.repository, served), "it is written")
    folder = writer.repository.offline().folder
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    writer.kill()

    writer.start()
    until(lambda: writer.count("offline", "held") == 1 and writer.count("online", "held") == 1, "the newest table is told again")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert writer.count("online", "written") == 0

    served = tell(service, 3)
    until(lambda: is_online(writer.repository, served), "the next table is written")
    assert set(writer.repository.offline().generations()) >= {FIRST + TICK, FIRST + 2 * TICK, FIRST + 3 * TICK}
    assert writer.repository.online_rows(served.node_names).tobytes() == served.values.tobytes()


def test_without_redis_it_stores_and_counts_and_with_it_again_it_catches_up(
    service: str, make_writer: Callable[[str], Writer], redis: Redis
) -> None:
    redis.kill()
    served = tell(service, 0, anew=True)
    writer = make_writer(redis.url)
    writer.start()
    until(lambda: writer.repository.offline().has(served.generation), "it is stored")
    until(lambda: writer.count("online", "failed") >= 1, "the outage is counted")
    redis.start()
    until(lambda: is_online(writer.repository, served), "it is online")

    redis.kill()
    for number in (1, 2, 3):
        served = tell(service, number)
        until(lambda: writer.repository.offline().has(served.generation), "offline goes on")  # noqa: B023
    failed = writer.count("online", "failed")
    until(lambda: writer.count("online", "failed") > failed, "the second outage is counted")
    redis.start()
    until(lambda: is_online(writer.repository, served), "the newest table is online again")
    assert writer.repository.online_rows(served.node_names).tobytes() == served.values.tobytes()
    assert writer.count("offline", "failed") == 0
