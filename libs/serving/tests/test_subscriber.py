"""Subscribers against real servers that break, restart and say wrong things."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hydatis.anomaly.v1 import anomaly_pb2, anomaly_pb2_grpc
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis.forecast.v1 import forecast_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.profile_summaries import ProfileChange, WorkloadProfile
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.anomaly import risk_to_proto
from hydatis_serving.convert.features import delta_to_proto, table_to_protos
from hydatis_serving.convert.forecast import forecast_to_protos
from hydatis_serving.convert.workload import profile_update_to_proto
from hydatis_serving.events import BindDelta, PodEvent
from hydatis_serving.metrics import StreamMetrics, new_registry
from hydatis_serving.subscriber import ForecastSubscriber, RiskSubscriber, TableSubscriber

FEATURES = "hydatis.features.v1.FeatureService"
Step = features_pb2.WatchTableResponse


def table(generation: int, node_count: int = 3) -> NodeTable:
    values = np.full((node_count, 2), generation, dtype=np.float32)
    return NodeTable(generation, tuple(f"node-{i}" for i in range(node_count)), ("a", "b"), values, ("0" * 12, "1" * 12))


class Features(features_pb2_grpc.FeatureServiceServicer):
    """Says a script to each subscriber in turn (the last again and again), then waits or ends."""

    def __init__(self, *scripts: Iterable[Step], ends: bool = False) -> None:
        self._scripts = [list(script) for script in scripts]
        self._ends = ends
        self.subscribers: list[str] = []

    async def WatchTable(self, request: Any, context: Any) -> Any:
        script = self._scripts[min(len(self.subscribers), len(self._scripts) - 1)]
        self.subscribers.append(request.subscriber)
        for step in script:
            yield step
        if not self._ends:
            await asyncio.Event().wait()


def registration(servicer: Features) -> Callable[[Any], None]:
    return lambda server: features_pb2_grpc.add_FeatureServiceServicer_to_server(servicer, server)


class Heard:
    """Keeps what a subscriber heard, in order."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()

    def table(self, value: NodeTable) -> None:
        self.queue.put_nowait(value)

    def profiles(self, change: ProfileChange, replace_all: bool) -> None:
        self.queue.put_nowait((change, replace_all))

    async def next(self) -> Any:
        async with asyncio.timeout(5):
            return await self.queue.get()


@pytest.fixture
async def started():
    running: list[Any] = []

    def start(subscriber: Any) -> Any:
        running.append(subscriber)
        subscriber.start()
        return subscriber

    yield start
    for subscriber in running:
        await subscriber.stop()


async def test_tables_deltas_and_profiles_arrive_in_order(serve, started):
    use = ExpectedUse(0.5, 1.0, 1e9, 2e9, UseSource.PROFILE)
    bound = BindDelta(60, PodEvent.bound(Pod("u1", "web-0", "shop", "Deployment/web"), "node-1", 61.0), use)
    ended = BindDelta(60, PodEvent.ended("u1", "node-1", 62.0), None)
    change = ProfileChange((WorkloadProfile("shop/web", 3.0, (0.5, 1.0, 0.25, 0.5), effective_use_ratio=(0.25,) * 24),))
    servicer = Features(
        [
            *table_to_protos(table(60)),
            Step(profiles=profile_update_to_proto(change, 60, replace_all=True)),
            Step(delta=delta_to_proto(bound)),
            Step(),  # a kind that this version does not know
            Step(delta=delta_to_proto(ended)),
            *table_to_protos(table(120)),
        ]
    )
    running = await serve(registration(servicer), FEATURES)
    heard = Heard()
    started(TableSubscriber(running.address, "shim", heard.table, heard.queue.put_nowait, heard.profiles))
    first = await heard.next()
    assert (first.generation, first.node_names, first.columns) == (60, ("node-0", "node-1", "node-2"), ("a", "b"))
    np.testing.assert_array_equal(first.values, table(60).values)
    assert await heard.next() == (change, True)
    assert await heard.next() == bound
    assert await heard.next() == ended
    assert (await heard.next()).generation == 120
    assert servicer.subscribers == ["shim"]


async def test_a_half_table_before_a_break_is_forgotten(serve, started):
    servicer = Features(table_to_protos(table(60))[:2], table_to_protos(table(120)), ends=True)
    running = await serve(registration(servicer), FEATURES)
    heard = Heard()
    subscriber = started(TableSubscriber(running.address, "shim", heard.table))
    assert (await heard.next()).generation == 120
    assert subscriber.reconnects_count >= 1
    assert subscriber.bad_messages_count == 0


WRONG_STREAMS = {
    "a chunk without a begin": lambda steps: steps[1:],
    "a missing chunk": lambda steps: [steps[0], *steps[2:]],
    "a chunk of another generation": lambda steps: [steps[0], *table_to_protos(table(61))[1:]],
    "a row count that is not the table's": lambda steps: [
        *steps[:2],
        Step(commit=features_pb2.TableCommit(generation=60, row_count=2)),
    ],
    "bytes that are not the shape": lambda steps: [
        steps[0],
        Step(chunk=features_pb2.TableChunk(generation=60, first_row=0, row_count=3, values=b"\0" * 20)),
    ],
    "an infinity": lambda steps: [
        steps[0],
        Step(chunk=features_pb2.TableChunk(generation=60, row_count=3, values=np.full(6, np.inf, dtype="<f4").tobytes())),
    ],
    "a delta without a pod": lambda steps: [Step(delta=features_pb2.PodDelta(generation=60))],
    "a head without a tick length": lambda steps: [Step(begin=features_pb2.TableBegin(generation=60, node_names=["a"]))],
}


@pytest.mark.parametrize("wrong", WRONG_STREAMS.values(), ids=WRONG_STREAMS.keys())
async def test_a_wrong_message_is_counted_and_the_stream_opened_again(serve, started, wrong):
    servicer = Features(wrong(table_to_protos(table(60))), table_to_protos(table(120)))
    running = await serve(registration(servicer), FEATURES)
    heard, registry = Heard(), new_registry()
    subscriber = started(TableSubscriber(running.address, "shim", heard.table, lambda _: None, metrics=StreamMetrics(registry)))
    assert (await heard.next()).generation == 120
    assert subscriber.bad_messages_count == 1
    assert registry.get_sample_value("hydatis_stream_bad_messages_total", {"stream": "table"}) == 1
    assert registry.get_sample_value("hydatis_stream_reconnects_total", {"stream": "table"}) == 1
    assert registry.get_sample_value("hydatis_stream_connected", {"stream": "table"}) == 1


async def test_a_callback_that_fails_does_not_end_the_subscription(serve, started):
    running = await serve(registration(Features(table_to_protos(table(60)))), FEATURES)
    heard = Heard()
    failures = iter([ZeroDivisionError("a defect")])

    def take(value: NodeTable) -> None:
        for failure in failures:
            raise failure
        heard.table(value)

    subscriber = started(TableSubscriber(running.address, "shim", take))
    assert (await heard.next()).generation == 60
    assert subscriber.bad_messages_count == 1


async def test_a_subscriber_finds_a_service_that_is_restarted_on_the_same_port(serve, started):
    first = await serve(registration(Features(table_to_protos(table(60)))), FEATURES)
    heard = Heard()
    subscriber = started(TableSubscriber(first.address, "shim", heard.table))
    assert (await heard.next()).generation == 60
    assert subscriber.connected
    await first.server.stop(0)
    await serve(registration(Features(table_to_protos(table(120)))), FEATURES, port=first.server.port)
    assert (await heard.next()).generation == 120
    assert subscriber.connected
    await subscriber.stop()
    assert not subscriber.connected


async def test_a_table_larger_than_a_chunk_comes_whole(serve, started):
    columns = tuple(f"c{i}" for i in range(64))
    values = np.random.default_rng(7).random((9000, 64), dtype=np.float32)
    big = NodeTable(60, tuple(f"n{i}" for i in range(9000)), columns, values)
    steps = table_to_protos(big)
    assert len(steps) == 2 + 3
    running = await serve(registration(Features(steps)), FEATURES)
    heard = Heard()
    started(TableSubscriber(running.address, "shim", heard.table))
    np.testing.assert_array_equal((await heard.next()).values, values)


async def test_forecasts_arrive_whole_and_only_the_latest_counts(serve, started):
    latest: Latest[list[Any]] = Latest()
    values = np.random.default_rng(7).random((12000, 24), dtype=np.float32)
    first = ForecastTable(60, values, (("cpu-forecaster", "1.0.0"), ("memory-forecaster", "2.0.0")))
    assert len(forecast_to_protos(first)) == 2

    class Forecaster(forecast_pb2_grpc.ForecastServiceServicer):
        async def WatchForecasts(self, request: Any, context: Any) -> Any:
            async for parts in latest.subscribe():
                for part in parts:
                    yield part

    running = await serve(
        lambda s: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(Forecaster(), s), "hydatis.forecast.v1.ForecastService"
    )
    heard = Heard()
    latest.publish(forecast_to_protos(first))
    started(ForecastSubscriber(running.address, "shim", heard.queue.put_nowait))
    got = await heard.next()
    np.testing.assert_array_equal(got.values, values)
    assert got.model_versions == first.model_versions
    latest.publish(forecast_to_protos(ForecastTable(120, values)))
    assert (await heard.next()).generation == 120


async def test_a_forecast_that_lost_a_part_is_refused(serve, started):
    values = np.ones((12000, 24), dtype=np.float32)
    parts = forecast_to_protos(ForecastTable(60, values))
    scripts = [parts[1:], [parts[0], parts[0], parts[1]]]

    class Forecaster(forecast_pb2_grpc.ForecastServiceServicer):
        async def WatchForecasts(self, request: Any, context: Any) -> Any:
            for part in scripts.pop(0):
                yield part
            await asyncio.Event().wait()

    running = await serve(
        lambda s: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(Forecaster(), s), "hydatis.forecast.v1.ForecastService"
    )
    heard = Heard()
    subscriber = started(ForecastSubscriber(running.address, "shim", heard.queue.put_nowait))
    assert (await heard.next()).generation == 60
    assert subscriber.bad_messages_count == 1


async def test_scores_arrive_and_wrong_ones_are_refused(serve, started):
    good = RiskTable(60, np.array([0.1, np.nan, 0.9], dtype=np.float32), 0.7, (), "1.2.3")
    wrong = anomaly_pb2.WatchScoresResponse(generation=60, row_count=1, risk=np.array([1.5], dtype="<f4").tobytes())
    scripts = [[wrong], [risk_to_proto(good)]]

    class Detector(anomaly_pb2_grpc.AnomalyServiceServicer):
        async def WatchScores(self, request: Any, context: Any) -> Any:
            for message in scripts.pop(0):
                yield message
            await asyncio.Event().wait()

    running = await serve(
        lambda s: anomaly_pb2_grpc.add_AnomalyServiceServicer_to_server(Detector(), s), "hydatis.anomaly.v1.AnomalyService"
    )
    heard = Heard()
    subscriber = started(RiskSubscriber(running.address, "shim", heard.queue.put_nowait))
    got = await heard.next()
    np.testing.assert_array_equal(got.risk, good.risk)
    assert (got.threshold, got.model_version) == (0.7, "1.2.3")
    assert subscriber.bad_messages_count == 1
