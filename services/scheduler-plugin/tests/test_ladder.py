"""Every row of the ladder: what is missing costs a rung, and never a pod."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hydatis_core.errors import GenerationUnavailable, InvalidValue

HOT = [0.2, 0.95, 0.2]


async def rung_of(world: Any) -> tuple[str | None, str]:
    args = world.args()
    await world.schedule(args)
    record = await world.record(args["Pod"]["metadata"]["uid"])
    return record["rung"], record["rung_reason"]


async def test_with_everything_here_the_model_servers_policy_decides(world: Any) -> None:
    await world.whole(p95=HOT)
    filtered, scores = await world.schedule()
    assert filtered["NodeNames"] == ["fake-00000", "fake-00002"]
    assert filtered["FailedNodes"] == {"fake-00001": "hydatis: p95 of memory over the next hour would pass the threshold"}
    assert scores == {"fake-00000": 10, "fake-00002": 0}
    assert await rung_of(world) == ("full", "")


async def test_the_local_policy_is_a_rung_of_its_own(world: Any) -> None:
    await world.whole()
    world.placement.local = True
    assert await rung_of(world) == ("full_local", "no_model_server")


async def test_a_placement_policy_that_lags_by_a_tick_takes_the_filter_with_it(world: Any) -> None:
    await world.whole(1_800_000_000, p95=HOT)
    await world.whole(1_800_000_060, p95=0.2)
    args = world.args()
    assert (await world.schedule(args))[0]["FailedNodes"] == {}, "on the newest generation no node is hot"

    world.placement.lag = 1
    args = world.args()
    filtered, _ = await world.schedule(args)
    record = await world.record(args["Pod"]["metadata"]["uid"])
    assert list(filtered["FailedNodes"]) == ["fake-00001"], "utilities of the earlier generation go with its forecasts"
    assert (record["generation"], record["rung"]) == (1_800_000_000, "full")


@pytest.mark.parametrize("world", [{"decision_budget_ms": 50}], indirect=True)
async def test_a_late_placement_policy_leaves_greedy(world: Any) -> None:
    await world.whole(p95=HOT)
    world.placement.gate = asyncio.Event()
    filtered, scores = await world.schedule()
    assert filtered["NodeNames"] == ["fake-00000", "fake-00002"]
    assert scores == {"fake-00000": 10, "fake-00002": 10}
    assert await rung_of(world) == ("greedy", "policy_late")


@pytest.mark.parametrize(
    ("error", "reason"), [(GenerationUnavailable("not here"), "no_common_generation"), (InvalidValue("wrong"), "no_policy")]
)
async def test_a_refusing_placement_policy_leaves_greedy(world: Any, error: Any, reason: str) -> None:
    await world.whole()
    world.placement.error = error
    assert await rung_of(world) == ("greedy", reason)


async def test_a_dead_placement_policy_leaves_greedy(world: Any) -> None:
    await world.whole()
    await world.servers.pop().stop(None)
    assert await rung_of(world) == ("greedy", "no_policy")


async def test_without_a_forecast_the_last_measured_load_decides(world: Any, make: Any) -> None:
    await world.table_only(make.table(cpu_used_mean_15m_ratio=np.array([0.7, 0.1, 0.4], dtype=np.float32)))
    _, scores = await world.schedule()
    assert scores["fake-00001"] == 10
    assert scores["fake-00001"] > scores["fake-00002"] > scores["fake-00000"]
    assert await rung_of(world) == ("load", "no_forecast")
    assert world.placement.queries == []


async def test_a_forecast_that_lags_too_far_is_no_forecast(world: Any, make: Any) -> None:
    await world.whole()
    await world.table_only(make.table(make.G + 120))
    assert await rung_of(world) == ("full", "")
    await world.table_only(make.table(make.G + 180))
    assert await rung_of(world) == ("load", "no_forecast")


async def test_without_a_table_all_stay_and_score_the_same(world: Any) -> None:
    filtered, scores = await world.schedule()
    assert filtered["NodeNames"] == ["fake-00000", "fake-00001", "fake-00002"]
    assert set(scores.values()) == {0}
    assert await rung_of(world) == ("abstain", "no_table")


async def test_stale_measurements_are_no_measurements(world: Any) -> None:
    await world.whole(usage_age_seconds=181.0, p95=HOT)
    filtered, scores = await world.schedule()
    assert filtered["FailedNodes"] == {}
    assert set(scores.values()) == {0}
    assert await rung_of(world) == ("abstain", "stale_metrics")


async def test_one_stale_node_of_three_does_not_cost_the_others_their_rung(world: Any) -> None:
    await world.whole(usage_age_seconds=np.array([15.0, 15.0, np.nan], dtype=np.float32))
    assert await rung_of(world) == ("full", "")


async def test_candidates_that_nobody_knows_are_placed_by_the_stock_order(world: Any) -> None:
    await world.whole()
    _, scores = await world.schedule(world.args(["new-1", "new-2"]))
    assert scores == {"new-1": 0, "new-2": 0}


async def test_a_missing_risk_is_flagged_and_costs_no_rung(world: Any, make: Any) -> None:
    world.say_table(make.table())
    world.say_forecast(make.forecast())
    await world.until(lambda: bool(world.memory.footing and world.memory.footing.generations))
    world.placement.local = True
    world.placement.error = InvalidValue("no")
    args = world.args()
    await world.schedule(args)
    assert (await world.record(args["Pod"]["metadata"]["uid"]))["risk_masked"] is True


async def test_a_forecast_that_did_not_come_by_stream_is_asked_for_once(world: Any, make: Any) -> None:
    world.forecasts.answer, world.risks.answer = make.forecast(), make.risk()
    await world.table_only(make.table())
    assert await rung_of(world) == ("full", "")
    assert await rung_of(world) == ("full", "")
    assert world.forecasts.calls == 1
    assert world.memory.footing.view.risk is not None


@pytest.mark.parametrize("world", [{"live": True}], indirect=True)
async def test_in_a_live_cluster_an_old_table_is_stale_by_the_wall_clock(world: Any) -> None:
    await world.whole()  # of a tick long ago or far ahead: the fake generation is not now
    world.app._ranker._event_clock = lambda: 1_800_000_000 + 179.0
    assert await rung_of(world) == ("full", "")
    world.app._ranker._event_clock = lambda: 1_800_000_000 + 181.0
    assert await rung_of(world) == ("abstain", "stale_metrics")


async def test_a_confirmed_anomalous_node_is_rejected_where_the_policy_says_avoid(world: Any, make: Any) -> None:
    await world.whole()
    world.say_risk(make.risk(confirmed=[2]))
    await world.until(lambda: bool(world.memory.footing.view.confirmed[2]))
    filtered, _ = await world.schedule()
    assert filtered["FailedNodes"] == {"fake-00002": "hydatis: confirmed anomalous"}


async def test_a_filter_that_would_reject_all_rejects_none_and_says_so(world: Any) -> None:
    await world.whole(p95=0.99)
    args = world.args()
    filtered, scores = await world.schedule(args)
    assert filtered["FailedNodes"] == {}
    assert set(scores) == set(args["NodeNames"])
    assert (await world.record(args["Pod"]["metadata"]["uid"]))["filter_waived"] is True
    assert await world.metric("hydatis_filter_waived_total") == 1


async def test_a_defect_of_ours_is_a_neutral_answer(world: Any) -> None:
    await world.whole()
    world.placement.utility = lambda query: np.zeros(query.rows.size + 1, dtype=np.float32)
    assert (await rung_of(world))[0] == "greedy"
    world.app._ranker._memory = None
    assert await rung_of(world) == ("abstain", "internal_error")


@pytest.mark.parametrize("world", [{"decision_budget_ms": 60, "breaker_probe_ms": 20}], indirect=True)
async def test_a_hanging_peer_is_asked_twice_then_probed_until_it_answers(world: Any) -> None:
    await world.whole()
    gate = world.placement.gate = asyncio.Event()
    assert await rung_of(world) == ("greedy", "policy_late")
    assert await rung_of(world) == ("greedy", "policy_late")
    assert await world.metric("hydatis_breaker_open") == 1
    for _ in range(5):
        assert await rung_of(world) == ("greedy", "no_policy")
    assert len(world.placement.queries) == 2
    gate.set()
    world.placement.gate = None
    await world.until(lambda: not world.app._breaker.open)
    assert world.placement.probes >= 1
    assert await rung_of(world) == ("full", "")
    assert await world.metric("hydatis_breaker_open") == 0


@pytest.mark.parametrize("world", [{"breaker_failures": 1, "breaker_probe_ms": 20}], indirect=True)
async def test_a_restarted_placement_policy_decides_again(world: Any) -> None:
    await world.whole()
    await world.servers.pop().stop(None)
    assert await rung_of(world) == ("greedy", "no_policy")
    world.servers.append(await world.start_placement())
    await world.until(lambda: not world.app._breaker.open)
    assert await rung_of(world) == ("full", "")
