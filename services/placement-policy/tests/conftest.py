"""A real placement-policy on a free port; feature-service, forecaster, anomaly-detector and model server do as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from hydatis.anomaly.v1 import anomaly_pb2_grpc
from hydatis.features.v1 import features_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2_grpc
from hydatis.oip import open_inference_pb2, open_inference_pb2_grpc
from hydatis_anomaly.risk_table import FlaggedNode, RiskTable
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from hydatis_features.engine import FeatureEngine
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import COLUMNS
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Manifest, digest_files
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import QFunction, initial_q_function
from hydatis_placement_policy.app import PlacementPolicyApp
from hydatis_placement_policy.settings import PlacementPolicySettings
from hydatis_serving.broadcast import Latest
from hydatis_serving.clients import PlacementClient, RankQuery
from hydatis_serving.convert.anomaly import risk_to_proto
from hydatis_serving.convert.features import table_to_protos
from hydatis_serving.convert.forecast import forecast_to_protos
from hydatis_serving.server import server_options

TIMEOUT_SECONDS = 5.0
GIB = 2.0**30


def make_table(generation: int, node_count: int = 4, first: int = 0) -> NodeTable:
    """A table of nodes with 8 cores, whose use rises from row to row."""
    nodes = [Node(f"node-{first + i}", Resources(8.0, 32 * GIB)) for i in range(node_count)]
    engine = FeatureEngine(nodes, 60.0, 0.0)
    usage = np.full((node_count, 6), np.nan, dtype=np.float32)
    usage[:, 0] = np.linspace(0.5, 4.0, node_count)
    usage[:, 1] = 8 * GIB
    return engine.tick(generation, float(generation), usage, [], np.empty((0, 2), dtype=np.float32))


def make_forecast(generation: int, node_count: int = 4) -> ForecastTable:
    values = np.repeat(np.linspace(0.1, 0.6, node_count, dtype=np.float32)[:, None], len(COLUMNS), axis=1)
    return ForecastTable(generation, values, (("cpu-forecaster", "1.0.0"), ("memory-forecaster", "1.0.0")))


def make_risk(generation: int, node_count: int = 4) -> RiskTable:
    return RiskTable(generation, np.full(node_count, 0.2, dtype=np.float32), 0.6, (), "1.0.0")


def make_query(rows: Sequence[int] = (0, 1, 2, 3), **changes: Any) -> RankQuery:
    use = ExpectedUse(0.5, 1.0, GIB, 2 * GIB, UseSource.PROFILE)
    pod = Pod("p", "p", "default", "Deployment/web", Resources(1.0, 2 * GIB))
    return RankQuery(**({"pod": pod, "expected_use": use, "rows": np.array(rows, dtype=np.int32)} | changes))


def make_policy(seed: int = 1) -> QFunction:
    width = len(COLUMN_DEFINITIONS)
    return initial_q_function(generator(seed, "test"), np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32))


def publish_policy(folder: Path, version: str, policy: QFunction, columns: Any = COLUMN_DEFINITIONS) -> None:
    files = policy.to_files()
    manifest = Manifest(
        "placement-policy", version, "q_function", tuple(columns), ("value",), "dataset", "run", {}, {}, digest_files(files)
    )
    ArtifactFolder(folder).publish(manifest, files)


class FakeServices(
    features_pb2_grpc.FeatureServiceServicer, forecast_pb2_grpc.ForecastServiceServicer, anomaly_pb2_grpc.AnomalyServiceServicer
):
    """Streams the tables, forecasts and scores that the test publishes."""

    def __init__(self) -> None:
        self.tables: Latest[Any] = Latest()
        self.forecasts: Latest[Any] = Latest()
        self.risks: Latest[Any] = Latest()

    async def WatchTable(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for steps in self.tables.subscribe():
            for step in steps:
                yield step

    async def WatchForecasts(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for parts in self.forecasts.subscribe():
            for part in parts:
                yield part

    async def WatchScores(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for message in self.risks.subscribe():
            yield message

    async def GetNodeFeatures(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED)

    ForecastNodes = ScoreNodes = GetNodeFeatures


@dataclass
class FakeModel(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Serves a policy, unless told otherwise."""

    policy: QFunction
    version: str = "2.0.0"
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
        values = self.policy.values(rows)[:, None]
        if self.value is not None:
            values = np.full_like(values, self.value)
        answer = open_inference_pb2.ModelInferResponse(
            model_name=request.model_name, model_version=self.version, raw_output_contents=[values.astype("<f4").tobytes()]
        )
        answer.outputs.add(name="values", datatype="FP32", shape=values.shape)
        answer.parameters["outputs"].string_param = "value"
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
    """Everything around placement-policy."""

    services: FakeServices
    model: FakeModel
    services_peer: Peer
    model_peer: Peer
    app: PlacementPolicyApp
    client: PlacementClient
    models_dir: Path
    local: QFunction

    async def tick(self, generation: int, *, with_risk: bool = True, node_count: int = 4, first: int = 0) -> None:
        """A whole generation, awaited."""
        self.services.tables.publish(table_to_protos(make_table(generation, node_count, first)))
        self.services.forecasts.publish(forecast_to_protos(make_forecast(generation, node_count)))
        if with_risk:
            self.services.risks.publish(risk_to_proto(make_risk(generation, node_count)))
        await self.client.await_generation(generation, with_risk=with_risk, timeout_seconds=TIMEOUT_SECONDS)

    def sample(self, name: str, **labels: str) -> float:
        """A metric."""
        return self.app.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def run_world(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts a placement-policy and its peers; stops them at the end."""
    ends: list[Callable[[], Any]] = []

    async def start(*, local: bool = True, **settings: Any) -> World:
        stable = make_policy(1)
        if local:
            publish_policy(tmp_path, "1.0.0", stable)
        services, model = FakeServices(), FakeModel(make_policy(2))

        def register(server: Any) -> None:
            features_pb2_grpc.add_FeatureServiceServicer_to_server(services, server)
            forecast_pb2_grpc.add_ForecastServiceServicer_to_server(services, server)
            anomaly_pb2_grpc.add_AnomalyServiceServicer_to_server(services, server)

        services_peer = Peer(register)
        model_peer = Peer(lambda server: open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(model, server))
        await services_peer.start()
        await model_peer.start()
        told = {
            "grpc_port": 0,
            "metrics_port": 0,
            "features_address": services_peer.address,
            "forecaster_address": services_peer.address,
            "anomaly_address": services_peer.address,
            "model_address": model_peer.address,
            "models_dir": str(tmp_path),
            "models_check_seconds": 0.01,
            "model_timeout_ms": 2000.0,
            "probe_seconds": 0.01,
        }
        app = PlacementPolicyApp(PlacementPolicySettings(**(told | settings)))
        await app.start()
        client = PlacementClient(f"127.0.0.1:{app.server.port}")
        ends.extend([client.close, app.stop, services_peer.kill, model_peer.kill])
        return World(services, model, services_peer, model_peer, app, client, tmp_path, stable)

    yield start
    for end in ends:
        await end()


@pytest.fixture
async def world(run_world: Callable[..., Any]) -> World:
    started: World = await run_world()
    return started


@pytest.fixture
def query() -> Callable[..., RankQuery]:
    return make_query


@pytest.fixture
def policy() -> Callable[[int], QFunction]:
    return make_policy


@pytest.fixture
def publish() -> Callable[..., None]:
    return publish_policy


@pytest.fixture
def parts() -> Any:
    """Makers of a table, a forecast and scores."""
    return make_table, make_forecast, make_risk


@pytest.fixture
def confirmed() -> Callable[[int], RiskTable]:
    """Scores in which node 2 is a confirmed anomaly."""

    def make(generation: int) -> RiskTable:
        risk = np.float32([0.2, 0.2, 0.9, 0.2])
        return RiskTable(generation, risk, 0.6, (FlaggedNode(2, 3, True),), "1.0.0")

    return make
