"""A real forecaster on a free port, between a feature-service and two model servers that do as the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hydatis_features.table import NodeTable
from hydatis_forecaster.app import ForecasterApp
from hydatis_forecaster.settings import ForecasterSettings
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import CPU_COLUMNS, MEMORY_COLUMNS
from hydatis_serving.clients import ForecastClient
from hydatis_serving.subscriber import ForecastSubscriber
from hydatis_serving.testing import FakeFeatures, FakeModel, Heard, Peer, table_of_use


def make_table(generation: int, node_count: int = 4) -> NodeTable:
    """A table in which CPU use rises from row to row; everything else is unknown."""
    return table_of_use(generation, 0.5 + np.arange(node_count) / 100)


@dataclass
class World:
    """Everything around the forecaster, and what it publishes."""

    features: FakeFeatures
    cpu: FakeModel
    memory: FakeModel
    features_peer: Peer
    cpu_peer: Peer
    app: ForecasterApp
    client: ForecastClient
    heard: Heard[ForecastTable] = field(default_factory=Heard)

    @property
    def published(self) -> list[ForecastTable]:
        return self.heard.all

    async def forecast(self, generation: int) -> ForecastTable:
        """The forecast of a generation, once it is published."""
        return await self.heard.of(generation)


@pytest.fixture
def table() -> Callable[..., NodeTable]:
    return make_table


@pytest.fixture
async def run_world() -> AsyncIterator[Callable[..., Any]]:
    """Starts a forecaster and its peers; stops them at the end."""
    ends: list[Callable[[], Any]] = []

    async def start(**settings: Any) -> World:
        features, cpu, memory = FakeFeatures(), FakeModel(CPU_COLUMNS), FakeModel(MEMORY_COLUMNS)
        peers = [Peer(features.register), Peer(cpu.register), Peer(memory.register)]
        for peer in peers:
            await peer.start()
        told = {
            "grpc_port": 0,
            "metrics_port": 0,
            "features_address": peers[0].address,
            "cpu_model_address": peers[1].address,
            "memory_model_address": peers[2].address,
            "retry_first_seconds": 0.01,
            "retry_longest_seconds": 0.05,
        }
        app = ForecasterApp(ForecasterSettings(**(told | settings)))
        await app.start()
        address = f"127.0.0.1:{app.server.port}"
        world = World(features, cpu, memory, peers[0], peers[1], app, ForecastClient(address))
        subscriber = ForecastSubscriber(address, "test", world.heard.take)
        subscriber.start()
        ends.extend([subscriber.stop, world.client.close, app.stop, *(peer.kill for peer in peers)])
        return world

    yield start
    for end in ends:
        await end()


@pytest.fixture
async def world(run_world: Callable[..., Any]) -> World:
    started: World = await run_world()
    return started
