"""A real anomaly-detector on a free port, between a feature-service and a model server that do as the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hydatis_anomaly.risk_table import RiskTable
from hydatis_anomaly_detector.app import AnomalyDetectorApp
from hydatis_anomaly_detector.settings import AnomalyDetectorSettings
from hydatis_features.table import NodeTable
from hydatis_serving.clients import AnomalyClient
from hydatis_serving.subscriber import RiskSubscriber
from hydatis_serving.testing import FakeFeatures, FakeModel, Heard, Peer, table_of_use


def make_table(generation: int, node_count: int = 4, odd: float = 0.01) -> NodeTable:
    """A table in which CPU use rises from row to row; everything else is unknown. ``odd`` is row 1's CPU use."""
    used = np.arange(node_count) / 100
    used[1] = odd
    return table_of_use(generation, used)


@dataclass
class World:
    """Everything around the anomaly-detector, and what it publishes."""

    features: FakeFeatures
    model: FakeModel
    features_peer: Peer
    model_peer: Peer
    app: AnomalyDetectorApp
    client: AnomalyClient
    heard: Heard[RiskTable] = field(default_factory=Heard)

    @property
    def published(self) -> list[RiskTable]:
        return self.heard.all

    async def risk(self, generation: int) -> RiskTable:
        """The scores of a generation, once they are published."""
        return await self.heard.of(generation)


@pytest.fixture
def table() -> Callable[..., NodeTable]:
    return make_table


@pytest.fixture
async def run_world() -> AsyncIterator[Callable[..., Any]]:
    """Starts an anomaly-detector and its peers; stops them at the end."""
    ends: list[Callable[[], Any]] = []

    async def start(**settings: Any) -> World:
        features, model = FakeFeatures(), FakeModel(("risk",), parameters={"threshold": "0.6"})
        peers = [Peer(features.register), Peer(model.register)]
        for peer in peers:
            await peer.start()
        told = {
            "grpc_port": 0,
            "metrics_port": 0,
            "features_address": peers[0].address,
            "model_address": peers[1].address,
            "retry_first_seconds": 0.01,
            "retry_longest_seconds": 0.05,
        }
        app = AnomalyDetectorApp(AnomalyDetectorSettings(**(told | settings)))
        await app.start()
        address = f"127.0.0.1:{app.server.port}"
        world = World(features, model, peers[0], peers[1], app, AnomalyClient(address))
        subscriber = RiskSubscriber(address, "test", world.heard.take)
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
