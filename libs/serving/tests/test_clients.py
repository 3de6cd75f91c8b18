"""Typed clients against servicers of the real protos: arrays in, arrays out."""

from typing import Any

import numpy as np
import pytest
from hydatis.anomaly.v1 import anomaly_pb2_grpc
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis.placement.v1 import placement_pb2, placement_pb2_grpc
from hydatis_anomaly.risk_table import FlaggedNode, RiskTable
from hydatis_core.errors import DependencyUnavailable, UnknownNode
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.table import NodeTable
from hydatis_features.usage import METRICS
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving.clients import (
    AnomalyClient,
    FeatureClient,
    ForecastClient,
    PlacementClient,
    PodEvent,
    RankAnswer,
    RankQuery,
    ReplaySourceClient,
)
from hydatis_serving.convert.anomaly import risk_response_to_proto
from hydatis_serving.convert.features import features_response_to_proto
from hydatis_serving.convert.forecast import forecast_response_to_proto
from hydatis_serving.convert.placement import rank_answer_to_proto, rank_request_from_proto
from hydatis_serving.wire import matrix_from_bytes, rows_from_bytes

USE = ExpectedUse(0.5, 1.0, 1e9, 2e9, UseSource.COLD_START)


async def test_rows_of_the_table_by_name(serve):
    table = NodeTable(60, ("a", "b", "c"), ("x",), np.array([[1], [2], [3]], dtype=np.float32), ("0" * 12,))

    class Features(features_pb2_grpc.FeatureServiceServicer):
        async def GetNodeFeatures(self, request: Any, context: Any) -> Any:
            return features_response_to_proto(table, table.rows_of(list(request.node_names)))

    running = await serve(
        lambda s: features_pb2_grpc.add_FeatureServiceServicer_to_server(Features(), s), "hydatis.features.v1.FeatureService"
    )
    async with FeatureClient(running.address) as client:
        got = await client.node_features(["c", "a"], timeout_seconds=5)
        assert (got.node_names, got.values.tolist(), got.column_hashes) == (("c", "a"), [[3.0], [1.0]], ("0" * 12,))
        with pytest.raises(UnknownNode, match="'z'"):
            await client.node_features(["z"], timeout_seconds=5)


async def test_a_replay_says_cluster_events_and_samples(serve):
    heard: list[Any] = []

    class Source(features_pb2_grpc.ReplaySourceServiceServicer):
        async def LoadCluster(self, request: Any, context: Any) -> Any:
            heard.append(request)
            return features_pb2.LoadClusterResponse(node_count=len(request.nodes))

        async def ReportPodEvents(self, request: Any, context: Any) -> Any:
            heard.append(request)
            return features_pb2.ReportPodEventsResponse(generation=60)

        async def AdvanceTick(self, request: Any, context: Any) -> Any:
            heard.append(request)
            return features_pb2.AdvanceTickResponse(generation=request.tick_time_seconds)

    running = await serve(
        lambda s: features_pb2_grpc.add_ReplaySourceServiceServicer_to_server(Source(), s),
        "hydatis.features.v1.ReplaySourceService",
    )
    usage = np.array([[1, 2, 3, 4, 5, np.nan]], dtype=np.float32)
    async with ReplaySourceClient(running.address) as client:
        assert await client.load_cluster([Node("a", Resources(4, 2**33))], 60.0, 2.5, timeout_seconds=5) == 1
        events = [PodEvent.bound(Pod("u1"), "a", 61.0), PodEvent.ended("u0", "a", 62.0)]
        assert await client.report_pod_events(events, timeout_seconds=5) == 60
        pods = np.array([[0.5, 1e9]], dtype=np.float32)
        assert await client.advance_tick(120, 117.5, usage, ["u1"], pods, timeout_seconds=5) == 120
    cluster, reported, tick = heard
    assert (cluster.nodes[0].name, cluster.tick_seconds, cluster.scrape_delay_seconds) == ("a", 60.0, 2.5)
    assert [(event.kind, event.pod.uid) for event in reported.events] == [(1, "u1"), (2, "u0")]
    assert tuple(tick.usage_metrics) == METRICS
    np.testing.assert_array_equal(matrix_from_bytes(tick.node_usage, 1, 6), usage)
    assert list(tick.pod_uids) == ["u1"]


async def test_forecasts_by_rows_in_their_order(forecaster):
    values = np.random.default_rng(7).random((4, 24), dtype=np.float32)

    async def answer(request: Any) -> Any:
        return forecast_response_to_proto(ForecastTable(60, values), rows_from_bytes(request.rows) if request.rows else None)

    running = await forecaster(answer)
    async with ForecastClient(running.address) as client:
        some = await client.forecast_nodes(np.array([3, 1], dtype=np.int32), generation=60, timeout_seconds=5)
        everything = await client.forecast_nodes(timeout_seconds=5)
    np.testing.assert_array_equal(some.values, values[[3, 1]])
    np.testing.assert_array_equal(everything.values, values)


async def test_scores_by_rows_with_flags_at_their_positions(serve):
    table = RiskTable(60, np.array([0.1, 0.9], dtype=np.float32), 0.5, (FlaggedNode(1, 2, True, (("x", 1.0),)),), "1.0.0")

    class Detector(anomaly_pb2_grpc.AnomalyServiceServicer):
        async def ScoreNodes(self, request: Any, context: Any) -> Any:
            return risk_response_to_proto(table, rows_from_bytes(request.rows) if request.rows else None)

    running = await serve(
        lambda s: anomaly_pb2_grpc.add_AnomalyServiceServicer_to_server(Detector(), s), "hydatis.anomaly.v1.AnomalyService"
    )
    async with AnomalyClient(running.address) as client:
        some = await client.score_nodes(np.array([1], dtype=np.int32), timeout_seconds=5)
    assert some.risk.tolist() == pytest.approx([0.9])
    assert some.confirmed.tolist() == [True]


class Policy(placement_pb2_grpc.PlacementServiceServicer):
    def __init__(self, short: bool = False) -> None:
        self.short = short
        self.asked: list[tuple[Any, Any]] = []

    async def RankNodes(self, request: Any, context: Any) -> Any:
        queries, generations = rank_request_from_proto(request)
        self.asked.append((queries, generations))
        utilities = tuple(np.arange(len(query.rows) or len(query.node_names), dtype=np.float32)[self.short :] for query in queries)
        return rank_answer_to_proto(RankAnswer(generations[0], utilities, False, "1.0.0", True))

    async def AwaitGeneration(self, request: Any, context: Any) -> Any:
        return placement_pb2.AwaitGenerationResponse(generation=request.generation + 60 * request.with_risk, model_version="1.0.0")


async def test_rankings_of_a_batch_by_rows_and_by_names(serve):
    policy = Policy()
    running = await serve(
        lambda s: placement_pb2_grpc.add_PlacementServiceServicer_to_server(policy, s), "hydatis.placement.v1.PlacementService"
    )
    queries = [RankQuery(Pod("u1"), USE, np.array([5, 2, 9], dtype=np.int32)), RankQuery(Pod("u2"), USE, node_names=("a", "b"))]
    async with PlacementClient(running.address) as client:
        answer = await client.rank_nodes(queries, [120, 60], timeout_seconds=5)
        awaited = await client.await_generation(60, with_risk=True, timeout_seconds=5)
    assert [utilities.tolist() for utilities in answer.utilities] == [[0, 1, 2], [0, 1]]
    assert (answer.generation, answer.local, answer.model_version, answer.risk_masked) == (120, False, "1.0.0", True)
    assert (awaited.generation, awaited.model_version) == (120, "1.0.0")
    (asked, generations) = policy.asked[0]
    assert generations == (120, 60)
    assert asked[0].rows.tolist() == [5, 2, 9]
    assert asked[1].node_names == ("a", "b")


async def test_an_answer_that_does_not_fit_its_question_is_refused(serve):
    running = await serve(
        lambda s: placement_pb2_grpc.add_PlacementServiceServicer_to_server(Policy(short=True), s),
        "hydatis.placement.v1.PlacementService",
    )
    async with PlacementClient(running.address) as client:
        with pytest.raises(DependencyUnavailable, match="answered nonsense"):
            await client.rank_nodes([RankQuery(Pod("u"), USE, np.array([1], dtype=np.int32))], [60], timeout_seconds=5)
