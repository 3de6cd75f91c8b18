"""A real feature-service on a free port, a driver that replays into it, and a subscriber that writes down what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_feature_service.app import FeatureServiceApp
from hydatis_feature_service.settings import FeatureServiceSettings
from hydatis_features.table import NodeTable
from hydatis_features.usage import METRICS
from hydatis_serving.clients import FeatureClient, PodEvent, PodEventKind, ReplaySourceClient
from hydatis_serving.subscriber import TableSubscriber

TIMEOUT_SECONDS = 5.0
TICK_SECONDS = 60
GIB = 2.0**30


@dataclass
class Service:
    """A running service and the clients to it."""

    app: FeatureServiceApp
    address: str
    replay: ReplaySourceClient
    features: FeatureClient

    async def load(self, node_count: int = 3) -> None:
        nodes = [Node(f"node-{i}", Resources(8.0, 32 * GIB)) for i in range(node_count)]
        await self.replay.load_cluster(nodes, TICK_SECONDS, 0.0, timeout_seconds=TIMEOUT_SECONDS)

    async def tick(
        self, number: int, node_count: int = 3, cpu_cores: float = 2.0, pods: dict[str, tuple[float, float]] | None = None
    ) -> int:
        usage = np.full((node_count, len(METRICS)), np.nan, dtype=np.float32)
        usage[:, 0], usage[:, 1] = cpu_cores, 4 * GIB
        used = np.array(list((pods or {}).values()), dtype=np.float32).reshape(-1, 2)
        time = number * TICK_SECONDS
        return await self.replay.advance_tick(time, float(time), usage, list(pods or {}), used, timeout_seconds=TIMEOUT_SECONDS)

    async def report(self, *events: PodEvent) -> int:
        return await self.replay.report_pod_events(events, timeout_seconds=TIMEOUT_SECONDS)


@dataclass
class Watcher:
    """Everything a subscriber was told, in order."""

    told: list[tuple[str, Any]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, kind: str, value: Any) -> None:
        self.told.append((kind, value))
        self._news.set()

    def of(self, kind: str) -> list[Any]:
        return [value for told, value in self.told if told == kind]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def table(self, generation: int) -> NodeTable:
        await self.until(lambda: any(table.generation == generation for table in self.of("table")))
        return next(table for table in self.of("table") if table.generation == generation)


def pod(uid: str, workload: str = "Deployment/web") -> Pod:
    return Pod(uid, uid, "default", workload, Resources(1.0, GIB))


def bound(uid: str, node: str, time_seconds: float) -> PodEvent:
    return PodEvent(PodEventKind.BOUND, pod(uid), node, time_seconds)


def ended(uid: str, time_seconds: float) -> PodEvent:
    return PodEvent(PodEventKind.ENDED, Pod(uid), "", time_seconds)


@pytest.fixture
def bind() -> Callable[[str, str, float], PodEvent]:
    return bound


@pytest.fixture
def end() -> Callable[[str, float], PodEvent]:
    return ended


@pytest.fixture
async def run_service() -> AsyncIterator[Callable[..., Any]]:
    """Starts services with the settings given; stops those that still run."""
    running: list[Service] = []

    async def start(**settings: Any) -> Service:
        told = {"grpc_port": 0, "metrics_port": 0, "warm_store": "none", "warm_least_gap_seconds": 0.0} | settings
        app = FeatureServiceApp(FeatureServiceSettings(**told))
        await app.start()
        address = f"127.0.0.1:{app.server.port}"
        service = Service(app, address, ReplaySourceClient(address), FeatureClient(address))
        running.append(service)
        return service

    yield start
    for service in running:
        await service.replay.close()
        await service.features.close()
        await service.app.stop()


@pytest.fixture
async def service(run_service: Callable[..., Any]) -> Service:
    started: Service = await run_service()
    return started


@pytest.fixture
async def watch() -> AsyncIterator[Callable[[str], Watcher]]:
    """Subscribes to an address."""
    subscribers: list[TableSubscriber] = []

    def start(address: str) -> Watcher:
        watcher = Watcher()
        subscriber = TableSubscriber(
            address,
            "test",
            lambda table: watcher.tell("table", table),
            lambda delta: watcher.tell("delta", delta),
            lambda change, replace_all: watcher.tell("profiles", (change, replace_all)),
        )
        subscriber.start()
        subscribers.append(subscriber)
        return watcher

    yield start
    for subscriber in subscribers:
        await subscriber.stop()


@pytest.fixture
async def free_address() -> str:
    """HOST:PORT where nobody listens."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    server.close()
    await server.wait_closed()
    return f"{host}:{port}"
