"""A real plugin on a real port, with peers that are real gRPC servers and answer what a test tells them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import numpy as np
import pytest
from grpc_status import rpc_status
from hydatis.anomaly.v1 import anomaly_pb2_grpc
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2_grpc
from hydatis.placement.v1 import placement_pb2, placement_pb2_grpc
from hydatis_anomaly.risk_table import FlaggedNode, RiskTable
from hydatis_core.errors import GenerationUnavailable, HydatisError
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import COLUMNS
from hydatis_scheduler_plugin.app import SchedulerPluginApp
from hydatis_scheduler_plugin.settings import SchedulerPluginSettings
from hydatis_serving.convert.anomaly import risk_response_to_proto, risk_to_proto
from hydatis_serving.convert.features import delta_to_proto, table_to_protos
from hydatis_serving.convert.forecast import forecast_response_to_proto, forecast_to_protos
from hydatis_serving.convert.placement import rank_answer_to_proto, rank_request_from_proto
from hydatis_serving.error_table import to_rpc_status
from hydatis_serving.events import BindDelta, PodEvent
from hydatis_serving.ranking import RankAnswer, RankQuery

SAMPLES = Path(__file__).parent / "samples"
TICK = 60
G = 1_800_000_000
GIB = 2**30


def node_names(count: int) -> tuple[str, ...]:
    return tuple(f"fake-{i:05d}" for i in range(count))


def make_table(generation: int = G, count: int = 3, *, usage_age_seconds: float = 15.0, **columns: Any) -> NodeTable:
    """Nodes of 32 cores and 128 GiB, a tenth used; other columns by name."""
    values = np.full((count, len(SCHEMA.names)), np.nan, dtype=np.float32)
    known: dict[str, Any] = {
        "cpu_allocatable_cores": 32.0,
        "memory_allocatable_bytes": 128 * GIB,
        "pod_limit_count": 110.0,
        "pod_count": 4.0,
        "pod_count_ratio": 4 / 110,
        "cpu_requested_ratio": 0.2,
        "memory_requested_ratio": 0.2,
        "cpu_used_ratio": 0.1,
        "memory_used_ratio": 0.1,
        "cpu_used_mean_15m_ratio": 0.1,
        "memory_used_mean_15m_ratio": 0.1,
        "cpu_used_max_1h_ratio": 0.1,
        "memory_used_max_1h_ratio": 0.1,
        "usage_age_seconds": usage_age_seconds,
    }
    for name, value in (known | columns).items():
        values[:, SCHEMA.index[name]] = value
    return NodeTable(
        generation, node_names(count), SCHEMA.names, values, SCHEMA.hashes, tick_seconds=float(TICK), scrape_delay_seconds=15.0
    )


def make_forecast(generation: int = G, count: int = 3, p95: Sequence[float] | float = 0.2) -> ForecastTable:
    """The same forecast in every column of a node."""
    values = np.broadcast_to(np.asarray(p95, dtype=np.float32).reshape(-1, 1), (count, len(COLUMNS))).copy()
    return ForecastTable(generation, values, (("cpu-forecaster", "1.2.0"), ("memory-forecaster", "1.1.0")))


def make_risk(generation: int = G, count: int = 3, confirmed: Sequence[int] = ()) -> RiskTable:
    risk = np.full(count, 0.1, dtype=np.float32)
    risk[list(confirmed)] = 0.9
    return RiskTable(generation, risk, 0.6, tuple(FlaggedNode(row, 3, True) for row in confirmed), "2.0.0")


def bind_delta(uid: str, node: str, *, generation: int = G, cores: float = 1.0, at: float | None = None) -> BindDelta:
    pod = Pod(uid, f"name-{uid}", "default", requests=Resources(cores, GIB))
    use = ExpectedUse(cores / 2, cores, GIB / 2, GIB, UseSource.PROFILE)
    return BindDelta(generation, PodEvent.bound(pod, node, float(generation if at is None else at)), use)


class Stream:
    """What a Watch stream sends: the last state to a new subscriber, then what comes."""

    def __init__(self) -> None:
        self.last: list[Any] = []
        self._queues: list[asyncio.Queue[Any]] = []

    def publish(self, messages: Sequence[Any], *, keep: bool = True) -> None:
        if keep:
            self.last = list(messages)
        for queue in self._queues:
            for message in messages:
                queue.put_nowait(message)

    async def watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for message in self.last:
            queue.put_nowait(message)
        self._queues.append(queue)
        while True:
            yield await queue.get()


class Features(features_pb2_grpc.FeatureServiceServicer):
    def __init__(self) -> None:
        self.stream = Stream()
        self.WatchTable = self.stream.watch


class Forecasts(forecast_pb2_grpc.ForecastServiceServicer):
    def __init__(self) -> None:
        self.stream = Stream()
        self.WatchForecasts = self.stream.watch
        self.answer: ForecastTable | None = None
        self.calls = 0

    async def ForecastNodes(self, request: Any, context: Any) -> Any:
        self.calls += 1
        if self.answer is None:
            await abort(context, GenerationUnavailable("no forecast yet"))
        return forecast_response_to_proto(self.answer)


class Risks(anomaly_pb2_grpc.AnomalyServiceServicer):
    def __init__(self) -> None:
        self.stream = Stream()
        self.WatchScores = self.stream.watch
        self.answer: RiskTable | None = None

    async def ScoreNodes(self, request: Any, context: Any) -> Any:
        if self.answer is None:
            await abort(context, GenerationUnavailable("no scores yet"))
        return risk_response_to_proto(self.answer)


async def abort(context: Any, error: HydatisError) -> None:
    await context.abort_with_status(rpc_status.to_status(to_rpc_status(error)))


class Placement(placement_pb2_grpc.PlacementServiceServicer):
    """Prefers low rows by 0.1 each, unless told otherwise; notes every query but the probes'."""

    def __init__(self) -> None:
        self.queries: list[RankQuery] = []
        self.probes = 0
        self.error: HydatisError | None = None
        self.gate: asyncio.Event | None = None
        self.local = False
        self.lag = 0
        """How far down the caller's list of generations it answers."""
        self.utility: Callable[[RankQuery], np.ndarray] = lambda query: (-0.1 * query.rows).astype(np.float32)

    async def RankNodes(self, request: Any, context: Any) -> Any:
        (query,), generations = rank_request_from_proto(request)
        if query.pod.uid == "hydatis-probe":
            self.probes += 1
        else:
            self.queries.append(query)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            await abort(context, self.error)
        return rank_answer_to_proto(RankAnswer(generations[self.lag], (self.utility(query),), self.local, "3.1.0", False))

    async def AwaitGeneration(self, request: Any, context: Any) -> Any:
        return placement_pb2.AwaitGenerationResponse(generation=request.generation, model_version="3.1.0")


@dataclass
class World:
    """The peers, the plugin, and a client that speaks as kube-scheduler does."""

    features: Features = field(default_factory=Features)
    forecasts: Forecasts = field(default_factory=Forecasts)
    risks: Risks = field(default_factory=Risks)
    placement: Placement = field(default_factory=Placement)
    servers: list[grpc.aio.Server] = field(default_factory=list)
    placement_port: int = 0
    app: SchedulerPluginApp | None = None
    session: aiohttp.ClientSession | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    uids: int = 0
    clock: dict[str, Any] = field(default_factory=dict)

    async def start(self, folder: Path) -> None:
        peers = grpc.aio.server()
        features_pb2_grpc.add_FeatureServiceServicer_to_server(self.features, peers)
        forecast_pb2_grpc.add_ForecastServiceServicer_to_server(self.forecasts, peers)
        anomaly_pb2_grpc.add_AnomalyServiceServicer_to_server(self.risks, peers)
        address = f"127.0.0.1:{peers.add_insecure_port('127.0.0.1:0')}"
        await peers.start()
        self.servers = [peers, await self.start_placement()]
        settings = SchedulerPluginSettings(
            **{
                "http_port": 0,
                "features_address": address,
                "forecaster_address": address,
                "anomaly_address": address,
                "placement_address": f"127.0.0.1:{self.placement_port}",
                "decisions_dir": str(folder / "decisions"),
                "stop_grace_seconds": 2.0,
                "decision_budget_ms": 2000,
                "full_input_ratio": 1.0,
                **self.settings,
            }
        )
        self.app = SchedulerPluginApp(settings, **self.clock)
        await self.app.start()
        self.session = aiohttp.ClientSession(f"http://127.0.0.1:{self.app.http_port}")

    async def start_placement(self) -> grpc.aio.Server:
        server = grpc.aio.server()
        placement_pb2_grpc.add_PlacementServiceServicer_to_server(self.placement, server)
        self.placement_port = server.add_insecure_port(f"127.0.0.1:{self.placement_port}")
        await server.start()
        return server

    async def stop(self) -> None:
        if self.session is not None:
            await self.session.close()
        if self.app is not None:
            await self.app.stop()
        for server in self.servers:
            await server.stop(None)

    # --- what the peers say

    def say_table(self, table: NodeTable) -> None:
        self.features.stream.publish(table_to_protos(table))

    def say_forecast(self, forecast: ForecastTable) -> None:
        self.forecasts.stream.publish(forecast_to_protos(forecast))

    def say_risk(self, risk: RiskTable) -> None:
        self.risks.stream.publish([risk_to_proto(risk)])

    async def say_delta(self, delta: BindDelta) -> None:
        epoch = self.memory.credits_epoch
        self.features.stream.publish([features_pb2.WatchTableResponse(delta=delta_to_proto(delta))], keep=False)
        await self.until(lambda: self.memory.credits_epoch > epoch)

    async def whole(self, generation: int = G, count: int = 3, *, p95: Sequence[float] | float = 0.2, **columns: Any) -> None:
        """Table, forecast and risk of a generation, waited for."""
        self.say_table(make_table(generation, count, **columns))
        self.say_forecast(make_forecast(generation, count, p95))
        self.say_risk(make_risk(generation, count))
        status, answer = await self.get(f"/generation?at_least={generation}&timeout_seconds=10")
        assert (status, answer) == (200, {"generation": generation})

    async def table_only(self, table: NodeTable) -> None:
        self.say_table(table)
        await self.until(lambda: self.memory.tables.newest == table.generation)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  # what is waited for is another party's state: there is no event to wait on
                await asyncio.sleep(0.002)

    @property
    def memory(self) -> Any:
        assert self.app is not None
        return self.app.memory

    # --- what kube-scheduler says

    async def post(self, path: str, body: bytes | Any) -> tuple[int, Any]:
        assert self.session is not None
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(path, data=data, headers={"Content-Type": "application/json"}) as answer:
            assert answer.headers["Content-Type"] == "application/json"
            assert "Content-Length" in answer.headers
            return answer.status, json.loads(await answer.read())

    async def get(self, path: str) -> tuple[int, Any]:
        assert self.session is not None
        async with self.session.get(path) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.headers["Content-Type"] == "application/json" else text

    def args(self, names: Sequence[str] | None = None, *, uid: str = "", count: int = 3, **pod: Any) -> dict[str, Any]:
        """A request of a new pod that asks for a core and a GiB."""
        self.uids += 1
        metadata = {"name": f"pod-{self.uids}", "namespace": pod.pop("namespace", "default"), "uid": uid or f"uid-{self.uids}"}
        resources = {"requests": {"cpu": "1", "memory": "1Gi"}}
        spec = {"schedulerName": "default-scheduler", "containers": [{"name": "c", "resources": resources}], **pod}
        offered = list(node_names(count)) if names is None else list(names)
        return {"Pod": {"metadata": metadata, "spec": spec}, "Nodes": None, "NodeNames": offered}

    async def schedule(self, args: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, int]]:
        """Filter, then prioritize of what is left."""
        args = args or self.args()
        status, filtered = await self.post("/filter", args)
        assert status == 200, filtered
        status, scores = await self.post("/prioritize", {**args, "NodeNames": filtered["NodeNames"]})
        assert status == 200, scores
        return filtered, {entry["Host"]: entry["Score"] for entry in scores}

    async def record(self, uid: str) -> dict[str, Any]:
        """The newest decision record of a pod."""
        status, found = await self.get(f"/decisions?pod={uid}&limit=1")
        assert status == 200
        return dict(found["decisions"][0])

    async def metric(self, line: str) -> float:
        """The value of one series; 0 when it is not there."""
        _, text = await self.get("/metrics")
        return next((float(found.rsplit(" ", 1)[1]) for found in text.splitlines() if found.startswith(line + " ")), 0.0)


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """Settings by ``@pytest.mark.parametrize("world", [{...}], indirect=True)``."""
    made = World(settings=dict(getattr(request, "param", {})))
    await made.start(tmp_path)
    yield made
    await made.stop()


class Make:
    """What tests make, without importing this file."""

    G = G
    TICK = TICK
    SAMPLES = SAMPLES
    table = staticmethod(make_table)
    forecast = staticmethod(make_forecast)
    risk = staticmethod(make_risk)
    delta = staticmethod(bind_delta)
    names = staticmethod(node_names)
    world = World


@pytest.fixture
def make() -> type[Make]:
    return Make
