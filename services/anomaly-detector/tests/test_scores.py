"""One column of risk per table, flags that count ticks, and what sets the flagged apart."""

from __future__ import annotations

import asyncio

import grpc
import numpy as np
import pytest
from hydatis.anomaly.v1 import anomaly_pb2, anomaly_pb2_grpc
from hydatis_anomaly_detector.flagging import Flagging
from hydatis_anomaly_detector.peculiarity import contributions
from hydatis_anomaly_detector.risk_maker import Scores
from hydatis_core import errors
from hydatis_features.schema import SCHEMA
from hydatis_serving.error_table import from_rpc_error


async def test_each_table_is_scored_once_and_streamed_whole(world, table):
    world.features.publish(table(60))
    risk = await world.risk(60)
    np.testing.assert_allclose(risk.risk, [0.0, 0.01, 0.02, 0.03], rtol=1e-6)
    assert (risk.threshold, risk.model_version, risk.flagged) == (0.6, "1.0.0", ())


async def test_a_node_is_flagged_at_once_with_what_sets_it_apart(world, table):
    for generation in (60, 120, 180):
        world.features.publish(table(generation, odd=0.9))
        await world.risk(generation)
    flags = [(node.row, node.ticks_count, node.confirmed) for risk in world.published for node in risk.flagged]
    # never confirmed: nobody is kept off a node that has no record yet
    assert flags == [(1, 1, False), (1, 2, False), (1, 3, False)]
    assert world.published[-1].flagged[0].contributions[0] == ("cpu_used_ratio", 1.0)


def flagging_of_a_known_cluster(table, *, odd=0.9, odd_ticks_count=3):
    """A day and more of calm ticks, then odd ones; the risk tables of the latter."""
    flagging = Flagging(3, 0.01)
    calm_ticks_count = 400
    found = [flag(flagging, table, 300 * tick, 0.01) for tick in range(1, calm_ticks_count + 1)]
    found += [flag(flagging, table, 300 * (calm_ticks_count + tick), odd) for tick in range(1, odd_ticks_count + 1)]
    return flagging, found[calm_ticks_count:]


def flag(flagging, table, generation, odd):
    whole = table(generation, odd=odd)
    return flagging.flag(whole, Scores(whole.column("cpu_used_ratio"), 0.6, "1.0.0"))


def test_a_node_with_a_days_record_is_confirmed_after_three_ticks_in_a_row(table):
    _, found = flagging_of_a_known_cluster(table)
    assert [(risk.flagged[0].ticks_count, risk.flagged[0].confirmed) for risk in found] == [(1, False), (2, False), (3, True)]
    assert found[-1].confirmed.tolist() == [False, True, False, False]


def test_after_a_pause_longer_than_the_window_another_cluster_is_assumed(table):
    flagging, found = flagging_of_a_known_cluster(table)
    later = found[-1].generation + 9 * 86400
    assert [(node.ticks_count, node.confirmed) for node in flag(flagging, table, later, 0.9).flagged] == [(1, False)]


async def test_a_calm_tick_ends_the_run(world, table):
    for generation, odd in ((60, 0.9), (120, 0.9), (180, 0.1), (240, 0.9)):
        world.features.publish(table(generation, odd=odd))
        await world.risk(generation)
    assert [len(risk.flagged) for risk in world.published] == [1, 1, 0, 1]
    assert world.published[-1].flagged[0].ticks_count == 1


async def test_a_stream_that_is_opened_again_counts_no_tick_twice(world, table):
    world.features.publish(table(60, odd=0.9))
    await world.risk(60)
    await world.features_peer.kill()
    await world.features_peer.start()
    world.features.publish(table(120, odd=0.9))
    assert (await world.risk(120)).flagged[0].ticks_count == 2


async def test_another_cluster_with_earlier_ticks_begins_its_runs_anew(world, table):
    for generation in (6000, 6060):
        world.features.publish(table(generation, odd=0.9))
        await world.risk(generation)
    world.features.publish(table(60, odd=0.9))
    assert (await world.risk(60)).flagged[0].ticks_count == 1
    assert (await world.client.score_nodes(timeout_seconds=5.0)).generation == 60


async def test_without_a_threshold_of_the_models_the_setting_counts(run_world, table):
    world = await run_world(fallback_threshold=0.02)
    world.model.parameters = {}
    world.features.publish(table(60))
    assert [node.row for node in (await world.risk(60)).flagged] == [2, 3]


async def test_the_models_own_threshold_column_and_contributions_come_first(world, table):
    world.model.further = {
        "threshold": [0.025] * 4,
        "contribution_pod_count": [0, 0, 0, 0.25],
        "contribution_cpu_used_ratio": [0, 0, 0, 0.75],
        "contribution_memory_used_ratio": [0, 0, 0, 0],
    }
    world.features.publish(table(60))
    risk = await world.risk(60)
    assert risk.threshold == pytest.approx(0.025)
    assert [node.row for node in risk.flagged] == [3]
    assert risk.flagged[0].contributions == (("cpu_used_ratio", 0.75), ("pod_count", 0.25))


async def test_unknown_risk_stays_unknown_and_flags_nobody(world, table):
    world.features.publish(table(60, odd=float("nan")))
    risk = await world.risk(60)
    assert np.isnan(risk.risk[1])
    assert risk.flagged == ()


async def test_the_version_that_scored_most_nodes_stands_for_the_table(run_world, table):
    world = await run_world(shard_count=4)
    world.model.versions_by_call = ["1.0.0", "1.1.0", "1.1.0", "1.1.0"]
    world.features.publish(table(60, 8))
    assert (await world.risk(60)).model_version == "1.1.0"


@pytest.mark.parametrize(
    "change",
    [
        {"value": 1.5},
        {"value": -0.1},
        {"value": float("inf")},
        {"outputs": ("danger",)},
        {"parameters": {"threshold": "high"}},
        {"parameters": {"threshold": "2"}},
    ],
)
async def test_an_impossible_answer_is_no_score(world, table, change):
    good = {name: getattr(world.model, name) for name in change}
    for name, value in change.items():
        setattr(world.model, name, value)
    world.features.publish(table(60))
    for _ in range(2):
        await asyncio.wait_for(world.model.asked.get(), 5.0)
    assert world.published == []
    for name, value in good.items():
        setattr(world.model, name, value)
    await world.risk(60)


async def test_a_failing_model_is_asked_again_until_it_answers(world, table):
    world.model.failure = grpc.StatusCode.UNAVAILABLE
    world.features.publish(table(60, odd=0.9))
    for _ in range(3):
        await asyncio.wait_for(world.model.asked.get(), 5.0)
    with pytest.raises(errors.GenerationUnavailable):
        await world.client.score_nodes(timeout_seconds=5.0)
    world.model.failure = None
    assert (await world.risk(60)).flagged[0].ticks_count == 1


async def test_a_hanging_model_costs_its_timeout_and_not_the_service(run_world, table):
    world = await run_world(model_timeout_seconds=0.05)
    world.model.may_answer.clear()
    world.features.publish(table(60))
    for _ in range(2):
        await asyncio.wait_for(world.model.asked.get(), 5.0)
    world.model.may_answer.set()
    await world.risk(60)


async def test_a_killed_model_server_is_found_again(world, table):
    world.features.publish(table(60))
    await world.risk(60)
    await world.model_peer.kill()
    world.features.publish(table(120))
    await world.model_peer.start()
    await world.risk(120)


async def test_some_nodes_can_be_asked_for_with_the_flags_that_are_theirs(world, table):
    world.features.publish(table(60, odd=0.9))
    await world.risk(60)
    asked = await world.client.score_nodes(np.int32([3, 1]), generation=60, timeout_seconds=5.0)
    np.testing.assert_allclose(asked.risk, [0.03, 0.9], rtol=1e-6)
    assert [node.row for node in asked.flagged] == [1]
    without = await world.client.score_nodes(np.int32([0, 2]), timeout_seconds=5.0)
    assert without.flagged == ()


@pytest.mark.parametrize(
    ("request_", "error", "field"),
    [
        ({"rows": b"abc"}, errors.WrongShape, "rows"),
        ({"node_names": ["node-9"]}, errors.UnknownNode, "node_names"),
        ({"generation": 59}, errors.GenerationUnavailable, "generation"),
    ],
)
async def test_a_wrong_question_is_refused_with_its_field(world, table, request_, error, field):
    world.features.publish(table(60))
    await world.risk(60)
    stub = anomaly_pb2_grpc.AnomalyServiceStub(world.client.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ScoreNodes(anomaly_pb2.ScoreNodesRequest(**request_), timeout=5.0)
    refused = from_rpc_error(caught.value)
    assert (type(refused), refused.field) == (error, field)


async def test_a_nameless_subscriber_is_refused(world):
    stream = anomaly_pb2_grpc.AnomalyServiceStub(world.client.channel).WatchScores(anomaly_pb2.WatchScoresRequest(), timeout=5.0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert from_rpc_error(caught.value).field == "subscriber"


async def test_it_is_ready_without_its_peers_and_stops_with_a_subscriber_attached(world, table):
    assert world.app.server.ready
    world.features.publish(table(60))
    await world.risk(60)
    async with asyncio.timeout(4.0):
        await world.app.stop()


def test_contributions_name_the_columns_farthest_from_the_fleet(table):
    whole = table(60, 11, odd=1.0)
    values = whole.values.copy()
    values[:, SCHEMA.index["memory_used_ratio"]] = np.linspace(0.4, 0.6, 11)
    values[:, SCHEMA.index["pod_count"]] = 3.0  # does not vary: says nothing
    odd = type(whole)(60, whole.node_names, whole.columns, values, whole.column_hashes)
    (found,) = contributions(odd, [1])
    assert [name for name, _ in found] == ["cpu_used_ratio", "memory_used_ratio"]
    assert sum(share for _, share in found) == pytest.approx(1.0)
    assert found[0][1] > 0.9
    assert contributions(odd, []) == []


def test_a_node_that_was_restless_for_days_must_pass_its_own_record(table):
    flagging = Flagging(confirm_ticks_count=1, false_alarm_rate=0.05)
    risk = np.float32([0.1, 0.7, 0.1, np.nan])
    hours = [1_000_000_800 + 3600 * hour for hour in range(60)]
    counts = [len(flagging.flag(table(hour), Scores(risk, 0.6, "1.0.0")).flagged) for hour in hours]
    assert (counts[0], counts[-1]) == (1, 0)
    worse = flagging.flag(table(hours[-1] + 3600), Scores(np.float32([0.1, 0.9, 0.65, np.nan]), 0.6, "1.0.0"))
    assert [node.row for node in worse.flagged] == [1, 2]
    begun_anew = flagging.flag(table(hours[0]), Scores(risk, 0.6, "1.0.0"))
    assert [node.row for node in begun_anew.flagged] == [1]
