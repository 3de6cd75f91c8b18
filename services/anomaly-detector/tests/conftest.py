"""A real anomaly-detector on a free port, between a feature-service and a model server that do as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis.oip import open_inference_pb2, open_inference_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from hydatis_anomaly_detector.app import AnomalyDetectorApp
from hydatis_anomaly_detector.settings import AnomalyDetectorSettings
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_serving.broadcast import Latest
from hydatis_serving.clients import AnomalyClient
from hydatis_serving.convert.features import table_to_protos
from hydatis_serving.server import server_options
from hydatis_serving.subscriber import RiskSubscriber

TIMEOUT_SECONDS = 5.0


def make_table(generation: int, node_count: int = 4, odd: float = 0.01) -> NodeTable:
    """A table in which CPU use rises from row to row; everything else is unknown. ``odd`` is row 1's CPU use."""
    values = np.full((node_count, len(SCHEMA.names)), np.nan, dtype=np.float32)
    values[:, SCHEMA.index["cpu_used_ratio"]] = np.arange(node_count) / 100
    values[1, SCHEMA.index["cpu_used_ratio"]] = odd
    names = tuple(f"node-{row}" for row in range(node_count))
    return NodeTable(generation, names, SCHEMA.names, values, SCHEMA.hashes)


class FakeFeatures(features_pb2_grpc.FeatureServiceServicer):
    """Streams the tables that the test publishes."""

    def __init__(self) -> None:
        self._newest: Latest[Sequence[Any]] = Latest()

    def publish(self, table: NodeTable) -> None:
        self._newest.publish(table_to_protos(table))

    async def WatchTable(self, request: features_pb2.WatchTableRequest, context: Any) -> AsyncIterator[Any]:
        async for steps in self._newest.subscribe():
            for step in steps:
                yield step

    async def GetNodeFeatures(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED)


@dataclass
class FakeModel(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers each row's CPU use as its risk, unless told otherwise."""

    outputs: tuple[str, ...] = ("risk",)
    threshold: str = "0.6"
    columns: dict[str, Sequence[float]] = field(default_factory=dict)
    """Further outputs, one value per row."""
    version: str = "1.0.0"
    versions_by_call: list[str] = field(default_factory=list)
    """Versions of the next calls, if they are to differ."""
    failure: grpc.StatusCode | None = None
    value: float | None = None
    """What it answers instead."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    """The requests that came."""

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        self.asked.put_nowait(request)
        await self.may_answer.wait()
        if self.failure is not None:
            await context.abort(self.failure, "as told")
        rows = np.frombuffer(request.raw_input_contents[0], dtype="<f4").reshape(tuple(request.inputs[0].shape))
        names = [column.split(":")[0] for column in request.parameters["columns"].string_param.split(",")]
        used = rows[:, names.index("cpu_used_ratio")]
        values = np.repeat(used[:, None], len(self.outputs), axis=1)
        if self.value is not None:
            values = np.full_like(values, self.value)
        values = np.column_stack([values, *self.columns.values()])
        answer = open_inference_pb2.ModelInferResponse(
            model_name=request.model_name,
            model_version=self.versions_by_call.pop(0) if self.versions_by_call else self.version,
            raw_output_contents=[values.astype("<f4").tobytes()],
        )
        answer.outputs.add(name="values", datatype="FP32", shape=values.shape)
        answer.parameters["outputs"].string_param = ",".join((*self.outputs, *self.columns))
        if self.threshold:
            answer.parameters["threshold"].string_param = self.threshold
        return answer

    async def ServerLive(self, request: Any, context: Any) -> Any:
        return open_inference_pb2.ServerLiveResponse(live=True)

    async def ModelReady(self, request: Any, context: Any) -> Any:
        return open_inference_pb2.ModelReadyResponse(ready=True)


class Peer:
    """A server that can be killed and started again on its port."""

    def __init__(self, register: Callable[[Any], None]) -> None:
        self._register = register
        self._server: Any = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = grpc.aio.server(options=server_options(2**24))
        self._register(self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def kill(self) -> None:
        await self._server.stop(None)


@dataclass
class World:
    """Everything around the anomaly-detector, and what it publishes."""

    features: FakeFeatures
    model: FakeModel
    features_peer: Peer
    model_peer: Peer
    app: AnomalyDetectorApp
    client: AnomalyClient
    published: list[RiskTable] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, risk: RiskTable) -> None:
        self.published.append(risk)
        self._news.set()

    async def risk(self, generation: int) -> RiskTable:
        """The scores of a generation, once they are published."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                for risk in self.published:
                    if risk.generation == generation:
                        return risk
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def table() -> Callable[..., NodeTable]:
    return make_table


@pytest.fixture
async def run_world() -> AsyncIterator[Callable[..., Any]]:
    """Starts an anomaly-detector and its peers; stops them at the end."""
    ends: list[Callable[[], Any]] = []

    async def start(**settings: Any) -> World:
        features, model = FakeFeatures(), FakeModel()
        peers = [
            Peer(lambda server: features_pb2_grpc.add_FeatureServiceServicer_to_server(features, server)),
            Peer(lambda server: open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(model, server)),
        ]
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
        subscriber = RiskSubscriber(address, "test", world.take)
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
