"""One decision per pod: one ranking, one credit, one record."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest


async def test_filter_and_prioritize_of_one_pod_cost_one_ranking(world: Any) -> None:
    await world.whole()
    for _ in range(5):
        await world.schedule()
    assert len(world.placement.queries) == 5
    assert await world.metric('hydatis_ranking_cache_total{result="hit"}') == 5


async def test_a_tick_between_the_two_calls_does_not_cost_a_second_ranking(world: Any, make: Any) -> None:
    await world.whole()
    args = world.args()
    await world.post("/filter", args)
    await world.whole(make.G + 60)
    _, scores = await world.post("/prioritize", args)
    assert [entry["Score"] for entry in scores] == [10, 5, 0]
    assert len(world.placement.queries) == 1


async def test_prioritize_alone_is_ranked_too_and_gives_the_rejected_nothing(world: Any) -> None:
    await world.whole(p95=[0.99, 0.2, 0.2])
    _, scores = await world.post("/prioritize", world.args())
    assert [entry["Score"] for entry in scores] == [0, 10, 0]


async def test_another_extender_may_have_taken_nodes_away_meanwhile(world: Any) -> None:
    await world.whole(count=6)
    args = world.args(count=6)
    await world.post("/filter", args)
    _, scores = await world.post("/prioritize", {**args, "NodeNames": ["fake-00005", "fake-00002", "fake-00004"]})
    assert [(entry["Host"], entry["Score"]) for entry in scores] == [("fake-00005", 0), ("fake-00002", 10), ("fake-00004", 3)]
    assert len(world.placement.queries) == 1


async def test_the_same_question_again_on_the_same_state_is_not_asked_twice(world: Any) -> None:
    await world.whole()
    args = world.args()
    assert await world.post("/filter", args) == await world.post("/filter", args)
    assert len(world.placement.queries) == 1


async def test_a_pod_asked_about_again_after_its_choice_does_not_weigh_on_itself(world: Any) -> None:
    await world.whole()
    args = world.args()
    await world.schedule(args)
    await world.schedule(args)
    assert len(world.placement.queries) == 2
    assert world.placement.queries[1].credits.rows.size == 0


async def test_a_choice_is_credited_before_the_next_pod_of_the_tick_is_decided(world: Any) -> None:
    await world.whole()
    await world.schedule()
    await world.schedule()
    first, second = world.placement.queries
    assert first.credits.rows.size == 0
    assert second.credits.rows.tolist() == [0]
    assert second.credits.values[0, 4:7].tolist() == [1.0, 2.0**30, 1.0]


async def test_the_bind_says_where_the_pod_really_is(world: Any, make: Any) -> None:
    await world.whole()
    await world.schedule(world.args(uid="a"))
    await world.say_delta(make.delta("a", "fake-00002"))
    await world.schedule()
    assert world.placement.queries[1].credits.rows.tolist() == [2]


async def test_a_bind_is_visible_to_the_next_decision(world: Any, make: Any) -> None:
    await world.whole()
    assert (await world.get("/state?pod=elsewhere"))[1]["credited"] is False
    await world.say_delta(make.delta("elsewhere", "fake-00001"))
    assert (await world.get("/state?pod=elsewhere"))[1]["credited"] is True
    await world.schedule()
    assert world.placement.queries[0].credits.rows.tolist() == [1]


async def test_the_one_node_left_is_credited_at_filter(world: Any) -> None:
    await world.whole(p95=[0.99, 0.2, 0.99])
    await world.post("/filter", world.args())
    await world.post("/filter", world.args())
    assert world.placement.queries[1].credits.rows.tolist() == [1]


async def test_without_prioritize_nothing_is_credited_while_several_nodes_are_left(world: Any) -> None:
    await world.whole()
    await world.post("/filter", world.args())
    await world.post("/filter", world.args())
    assert world.placement.queries[1].credits.rows.size == 0


@pytest.mark.parametrize("world", [{"provisional_seconds": 30.0}], indirect=True)
async def test_a_choice_without_a_bind_expires_in_event_time(world: Any, make: Any) -> None:
    await world.whole()
    await world.schedule()
    await world.whole(make.G + 60)
    await world.schedule()
    assert world.placement.queries[1].credits.rows.size == 0


async def test_another_cluster_means_a_clean_slate(world: Any, make: Any) -> None:
    await world.whole()
    await world.schedule()
    earlier = make.G - 6000
    world.say_table(make.table(earlier, 2))
    await world.until(lambda: world.memory.tables.newest == earlier)
    world.say_forecast(make.forecast(earlier, 2))
    world.say_risk(make.risk(earlier, 2))
    assert (await world.get(f"/generation?at_least={earlier}&timeout_seconds=5"))[0] == 200
    await world.schedule(world.args(count=2))
    assert world.placement.queries[1].credits.rows.size == 0
    assert world.placement.queries[1].rows.tolist() == [0, 1]


async def test_the_record_says_what_was_chosen_and_why(world: Any, make: Any) -> None:
    await world.whole(count=8, p95=[0.99, *[0.2] * 7])
    await world.schedule(world.args(uid="a", count=8))
    await world.say_delta(make.delta("a", "fake-00003"))
    record = await world.record("a")
    assert record["rung"] == "full"
    assert record["generation"] == make.G
    assert record["chosen_node"] == "fake-00001"
    assert record["bound_node"] == "fake-00003"
    assert (record["candidate_count"], record["rejected_count"], record["filter_waived"]) == (8, 1, False)
    assert [node["node_name"] for node in record["top"]] == [f"fake-0000{i}" for i in range(1, 6)]
    best = record["top"][0]
    assert (best["score"], best["utility"]) == (10, pytest.approx(-0.1))
    assert best["cpu_p95_ratio"] == pytest.approx(0.2 + record["expected_use"]["cpu_p95_cores"] / 32, rel=1e-3)
    assert best["risk"] == pytest.approx(0.1)
    assert record["model_versions"] == [
        "cpu-forecaster 1.2.0",
        "memory-forecaster 1.1.0",
        "anomaly-detector 2.0.0",
        "placement-policy 3.1.0",
    ]
    assert record["latency_milliseconds"] > 0
    assert len(record["full_input"]["after_states"]) == 8
    assert record["full_input"]["utilities"] == pytest.approx([-0.1 * i for i in range(8)])
    assert await world.get(f"/decisions/{record['decision_id']}") == (200, record)


async def test_a_decision_that_is_not_kept_is_not_found(world: Any) -> None:
    status, answer = await world.get("/decisions/nothing")
    assert (status, "not a decision" in answer["Error"]) == (404, True)
    assert await world.get("/decisions?pod=nobody") == (200, {"decisions": []})
    assert (await world.get("/decisions?limit=many"))[0] == 400


async def test_a_request_in_flight_finishes_when_the_process_is_told_to_stop(world: Any) -> None:
    await world.whole()
    world.placement.gate = asyncio.Event()
    asked = asyncio.create_task(world.post("/filter", world.args()))
    await world.until(lambda: bool(world.placement.queries))
    stopping = asyncio.create_task(world.app.stop())
    await asyncio.sleep(0)
    world.placement.gate.set()
    status, answer = await asked
    assert (status, len(answer["NodeNames"])) == (200, 3)
    await stopping
    world.app = None


async def test_generation_waits_and_says_what_is_missing(world: Any, make: Any) -> None:
    status, answer = await world.get("/generation?at_least=1800000000&timeout_seconds=0.02")
    assert (status, "missing table" in answer["Error"]) == (504, True)
    world.say_table(make.table())
    world.say_forecast(make.forecast())
    assert await world.get(f"/generation?at_least={make.G}&timeout_seconds=5&with_risk=false") == (200, {"generation": make.G})
    status, answer = await world.get(f"/generation?at_least={make.G}&timeout_seconds=0.02")
    assert (status, "missing risk" in answer["Error"]) == (504, True)
    waiting = asyncio.create_task(world.get(f"/generation?at_least={make.G}&timeout_seconds=5"))
    await asyncio.sleep(0)
    world.say_risk(make.risk())
    assert await waiting == (200, {"generation": make.G})
    assert (await world.get("/generation?at_least=never"))[0] == 400


async def test_readyz_says_the_rung_and_what_is_missing(world: Any, make: Any) -> None:
    status, answer = await world.get("/readyz")
    assert (status, answer["rung"], answer["missing"]) == (200, "abstain", ["no_table"])
    await world.whole()
    _, answer = await world.get("/readyz")
    assert (answer["rung"], answer["missing"], answer["generation"]) == ("full", [], make.G)
    assert answer["streams"] == {"table": True, "forecast": True, "risk": True}


async def test_readyz_says_that_the_policy_is_missing_before_a_decision_finds_out(world: Any) -> None:
    await world.whole()
    await world.servers[1].stop(0)
    async with asyncio.timeout(5):
        while (await world.get("/readyz"))[1]["missing"] != ["no_policy"]:  # noqa: ASYNC110  it comes about in gRPC
            await asyncio.sleep(0.01)
    assert (await world.get("/readyz"))[1]["rung"] == "greedy"


async def test_metrics_count_rungs_rejections_and_generations(world: Any, make: Any) -> None:
    await world.whole(p95=[0.2, 0.99, 0.2])
    await world.schedule()
    assert await world.metric('hydatis_decisions_total{reason="none",rung="full"}') == 1
    reason = "p95 of memory over the next hour would pass the threshold"
    assert await world.metric(f'hydatis_filter_rejections_total{{reason="{reason}"}}') == 1
    assert await world.metric('hydatis_generation_seconds{source="forecast"}') == make.G
    assert await world.metric('hydatis_extender_requests_total{code="200",verb="filter"}') == 1
    assert await world.metric('hydatis_extender_seconds_count{verb="prioritize"}') == 1
    assert await world.metric("hydatis_credited_pods_count") == 1
    for stage in ("shim_read", "shim_prepare", "shim_rank_nodes", "shim_answer_filter", "shim_score", "shim_prioritize"):
        assert await world.metric(f'hydatis_stage_seconds_count{{stage="{stage}"}}') == 1


async def test_unknown_utilities_do_not_reach_kube_scheduler(world: Any) -> None:
    await world.whole()
    world.placement.utility = lambda query: np.full(query.rows.size, np.nan, dtype=np.float32)
    _, scores = await world.schedule()
    assert set(scores.values()) <= set(range(11))
