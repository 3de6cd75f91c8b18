"""Rankings on the best common generation, by the served policy; bad questions; generations as they come and go."""

from __future__ import annotations

import asyncio
from itertools import permutations

import grpc
import numpy as np
import pytest
from hydatis.placement.v1 import placement_pb2, placement_pb2_grpc
from hydatis_core import errors
from hydatis_forecasting.outlook import outlook
from hydatis_placement.after_state import COLUMN_DEFINITIONS, after_states, baseline
from hydatis_placement.credits import Credits
from hydatis_placement.view import ClusterView
from hydatis_placement_policy.view_book import ViewBook
from hydatis_serving.convert.anomaly import risk_to_proto
from hydatis_serving.convert.placement import rank_request_to_proto
from hydatis_serving.error_table import from_rpc_error


def states(parts, generation, query, *, with_risk=True):
    table, forecast, risk = (make(generation) for make in parts)
    ahead = outlook(forecast)
    seen = {"risk": risk.risk, "confirmed": risk.confirmed} if with_risk else {}
    view = ClusterView(table, ahead.cpu_p50, ahead.cpu_p95, ahead.memory_p50, ahead.memory_p95, **seen)
    rows = query.rows if query.rows.size else table.rows_of(query.node_names)
    return after_states(view, rows, query.pod, query.expected_use, query.credits, query.objective_weight)


def valued(policy, after):
    """What greedy says and what the policy adds."""
    return policy.values(after) + baseline(after)


async def test_utilities_are_greedys_and_the_served_policys_values_of_the_states_after_placing(world, query, parts):
    await world.tick(60)
    credits = Credits(np.int32([1]), np.float32([[1, 2, 2**30, 2**31, 2, 2**31, 1, *[0.1] * 6]]))
    asked = query([3, 1, 0], credits=credits, objective_weight=0.5)
    answer = await world.client.rank_nodes([asked], [60], timeout_seconds=5.0)
    assert (answer.generation, answer.local, answer.model_version, answer.risk_masked) == (60, False, "2.0.0", False)
    np.testing.assert_array_equal(answer.utilities[0], valued(world.model.policy, states(parts, 60, asked)))
    request = await world.model.asked.get()
    assert tuple(request.inputs[0].shape) == (3, len(COLUMN_DEFINITIONS))
    assert request.parameters["columns"].string_param == ",".join(f"{name}:{text}" for name, text in COLUMN_DEFINITIONS)


async def test_all_pods_of_a_call_go_through_the_policy_in_one_tensor(world, query, parts):
    await world.tick(60)
    queries = [query([0, 1]), query([3]), query([], node_names=("node-2", "node-0", "node-1"))]
    answer = await world.client.rank_nodes(queries, [60], timeout_seconds=5.0)
    assert [utilities.size for utilities in answer.utilities] == [2, 1, 3]
    for asked, utilities in zip(queries, answer.utilities, strict=True):
        np.testing.assert_allclose(utilities, valued(world.model.policy, states(parts, 60, asked)), rtol=1e-5)
    assert world.model.asked.qsize() == 1


async def test_a_missing_risk_is_masked_and_said(world, query, parts):
    await world.tick(60, with_risk=False)
    asked = query()
    answer = await world.client.rank_nodes([asked], [60], timeout_seconds=5.0)
    assert answer.risk_masked
    np.testing.assert_array_equal(answer.utilities[0], valued(world.model.policy, states(parts, 60, asked, with_risk=False)))


async def test_risk_that_comes_late_joins_its_generation(world, query, confirmed):
    await world.tick(60, with_risk=False)
    world.services.risks.publish(risk_to_proto(confirmed(60)))
    assert (await world.client.await_generation(60, with_risk=True, timeout_seconds=5.0)).generation == 60
    answer = await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)
    assert not answer.risk_masked


async def test_the_first_generation_offered_that_is_complete_is_taken(world, query):
    await world.tick(60)
    await world.tick(120)
    for offered, taken in (([120, 60], 120), ([60, 120], 60), ([180, 999, 60], 60)):
        asked = query([], node_names=("node-0",))
        assert (await world.client.rank_nodes([asked], offered, timeout_seconds=5.0)).generation == taken


async def test_rows_of_another_generation_are_used_only_when_the_nodes_are_the_same(world, query, parts):
    await world.tick(60)
    await world.tick(120)
    assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).generation == 60
    # The table of 180 is here and has the same nodes, its forecast is not: rows of 180 are rows of 120.
    table = parts[0]
    world.app.views.take_table(table(180))
    assert (await world.client.rank_nodes([query()], [180, 120], timeout_seconds=5.0)).generation == 120
    # Of 240 nothing is known here.
    with pytest.raises(errors.GenerationUnavailable, match="240"):
        await world.client.rank_nodes([query()], [240, 120], timeout_seconds=5.0)


async def test_the_newest_three_generations_are_held(world, query):
    for generation in (60, 120, 180, 240):
        await world.tick(generation)
    assert (await world.client.rank_nodes([query()], [120], timeout_seconds=5.0)).generation == 120
    with pytest.raises(errors.GenerationUnavailable, match="240, 180, 120"):
        await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)


async def test_another_cluster_with_earlier_ticks_replaces_all(world, query):
    await world.tick(6000)
    await world.tick(6060)
    await world.tick(60, node_count=3, first=7)
    assert (await world.client.rank_nodes([query([2, 0])], [60], timeout_seconds=5.0)).generation == 60
    with pytest.raises(errors.UnknownNode):
        await world.client.rank_nodes([query([3])], [60], timeout_seconds=5.0)
    with pytest.raises(errors.GenerationUnavailable):
        await world.client.rank_nodes([query([], node_names=("node-0",))], [6060], timeout_seconds=5.0)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_generation_is_complete_in_whatever_order_its_parts_come(parts, order):
    views = ViewBook()
    takes = (views.take_table, views.take_forecast, views.take_risk)
    for generation in (6000, 6060, 60, 120):
        for part in order:
            takes[part](parts[part](generation))
        assert not views.pick([generation]).risk_masked
    with pytest.raises(errors.GenerationUnavailable, match="120, 60"):
        views.pick([6060, 6000])


def test_parts_of_another_node_count_are_not_joined(parts):
    table, forecast, risk = parts
    views = ViewBook()
    views.take_table(table(60, 4))
    views.take_forecast(forecast(60, 3))
    with pytest.raises(errors.GenerationUnavailable):
        views.pick([60])
    views.take_forecast(forecast(60, 4))
    views.take_risk(risk(60, 5))
    assert views.pick([60]).risk_masked


async def test_waiting_for_a_generation_ends_when_it_is_here_or_at_the_deadline(world):
    waiting = asyncio.create_task(world.client.await_generation(120, with_risk=True, timeout_seconds=5.0))
    await world.tick(60)
    assert not waiting.done()
    await world.tick(120)
    awaited = await waiting
    assert (awaited.generation, awaited.model_version) == (120, "1.0.0")
    with pytest.raises(errors.TooLate):
        await world.client.await_generation(180, timeout_seconds=0.05)


async def refused(world, request, timeout_seconds=5.0) -> errors.HydatisError:
    stub = placement_pb2_grpc.PlacementServiceStub(world.client.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RankNodes(request, timeout=timeout_seconds)
    return from_rpc_error(caught.value)


def int32(*rows: int) -> bytes:
    return np.int32(rows).tobytes()


NAN, INF = float("nan"), float("inf")


WRONG_QUERIES = [
    ({"rows": int32(4)}, errors.UnknownNode),
    ({"rows": int32(-1)}, errors.InvalidValue),
    ({"rows": int32(1, 1)}, errors.Duplicate),
    ({"rows": b"abc"}, errors.WrongShape),
    ({"rows": b""}, errors.InvalidValue),
    ({"rows": b"", "node_names": ["node-9"]}, errors.UnknownNode),
    ({"rows": b"", "node_names": ["node-1", "node-1"]}, errors.Duplicate),
    ({"objective_weight": NAN}, errors.InvalidValue),
    ({"objective_weight": 1.5}, errors.InvalidValue),
    ({"pod": {"uid": ""}}, errors.InvalidValue),
    ({"pod": {"uid": "p", "requests": {"cpu_cores": INF}}}, errors.InvalidValue),
    ({"expected_use": {"cpu_p50_cores": NAN, "source": 1}}, errors.InvalidValue),
    ({"expected_use": {"cpu_p50_cores": 2, "cpu_p95_cores": 1, "source": 1}}, errors.InvalidValue),
    ({"expected_use": {}}, errors.InvalidValue),
    ({"credits": {"rows": int32(0), "values": b""}}, errors.WrongShape),
    ({"credits": {"rows": int32(0), "values": np.full(13, np.nan, "<f4").tobytes()}}, errors.InvalidValue),
    ({"credits": {"rows": int32(0), "values": np.full(13, np.inf, "<f4").tobytes()}}, errors.InvalidValue),
    ({"credits": {"rows": int32(0), "values": np.full(13, -1, "<f4").tobytes()}}, errors.InvalidValue),
    ({"credits": {"rows": int32(0, 0), "values": np.zeros(26, "<f4").tobytes()}}, errors.Duplicate),
    ({"credits": {"rows": int32(9), "values": np.zeros(13, "<f4").tobytes()}}, errors.InvalidValue),
]


async def test_a_wrong_query_is_refused_and_the_next_is_answered(world, query):
    await world.tick(60)
    for change, error in WRONG_QUERIES:
        request = rank_request_to_proto([query()], [60])
        for name, value in change.items():
            request.queries[0].ClearField(name)
            request.queries[0].MergeFrom(placement_pb2.RankQuery(**{name: value}))
        caught = await refused(world, request)
        assert type(caught) is error, change
        assert caught.field, change
        assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).generation == 60


async def test_a_call_of_nothing_or_of_too_much_is_refused(run_world, query):
    world = await run_world(max_rows_count=7)
    await world.tick(60)
    whole = rank_request_to_proto([query()], [60])
    for wrong, field in (
        (placement_pb2.RankNodesRequest(generations=[60]), "queries"),
        (placement_pb2.RankNodesRequest(queries=whole.queries), "generations"),
        (rank_request_to_proto([query(), query()], [60]), "queries"),
    ):
        caught = await refused(world, wrong)
        assert (type(caught), caught.field) == (errors.InvalidValue, field)


async def test_a_call_without_a_deadline_is_refused(world, query):
    await world.tick(60)
    assert type(await refused(world, rank_request_to_proto([query()], [60]), None)) is errors.NoDeadline


async def test_an_oversized_message_is_refused_and_the_service_lives(run_world, query):
    world = await run_world(max_message_bytes=2**16)
    await world.tick(60)
    assert isinstance(await refused(world, rank_request_to_proto([query(range(2**15))], [60])), errors.HydatisError)
    assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).generation == 60


async def test_it_is_ready_before_any_other_service_and_finishes_calls_in_flight_when_it_stops(world, query):
    assert world.app.server.ready
    with pytest.raises(errors.GenerationUnavailable):
        await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)
    await world.tick(60)
    world.model.may_answer.clear()
    ranking = asyncio.create_task(world.client.rank_nodes([query()], [60], timeout_seconds=5.0))
    await asyncio.wait_for(world.model.asked.get(), 5.0)
    stopping = asyncio.create_task(world.app.stop())
    await asyncio.sleep(0)
    world.model.may_answer.set()
    assert not (await ranking).local
    await stopping


async def test_peers_that_are_killed_are_found_again(world, query):
    await world.tick(60)
    await world.services_peer.kill()
    assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).generation == 60
    await world.services_peer.start()
    await world.tick(120)
    assert (await world.client.rank_nodes([query()], [120], timeout_seconds=5.0)).generation == 120
