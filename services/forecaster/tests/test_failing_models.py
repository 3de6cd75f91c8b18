"""Models that fail, hang, lie or die: no forecast of that tick, and the next one as soon as they are back."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from hydatis_core import errors


async def test_nothing_is_published_unless_both_models_answered(world, table):
    world.memory.failure = grpc.StatusCode.UNAVAILABLE
    world.features.publish(table(60))
    for _ in range(3):
        await asyncio.wait_for(world.memory.asked.get(), 5.0)
    assert world.published == []
    with pytest.raises(errors.GenerationUnavailable):
        await world.client.forecast_nodes(timeout_seconds=5.0)
    world.memory.failure = None
    assert (await world.forecast(60)).generation == 60


@pytest.mark.parametrize("value", [-0.5, float("inf")])
async def test_an_impossible_answer_is_no_forecast(world, table, value):
    world.cpu.value = value
    world.features.publish(table(60))
    for _ in range(2):
        await asyncio.wait_for(world.cpu.asked.get(), 5.0)
    assert world.published == []
    world.cpu.value = None
    await world.forecast(60)


async def test_an_unknown_answer_stays_unknown(world, table):
    world.cpu.value = float("nan")
    world.features.publish(table(60))
    forecast = await world.forecast(60)
    assert forecast.column("cpu_p50_300s").tolist() != forecast.column("cpu_p50_300s").tolist()  # NaN
    assert (forecast.column("memory_p50_300s") > 0).all()


async def test_a_model_with_other_outputs_is_no_forecaster(world, table):
    world.cpu.outputs = ("one", "two")
    world.features.publish(table(60))
    for _ in range(2):
        await asyncio.wait_for(world.cpu.asked.get(), 5.0)
    assert world.published == []


async def test_a_hanging_model_costs_its_timeout_and_not_the_service(run_world, table):
    world = await run_world(model_timeout_seconds=0.05)
    world.cpu.may_answer.clear()
    world.features.publish(table(60))
    for _ in range(2):
        await asyncio.wait_for(world.cpu.asked.get(), 5.0)
    world.cpu.may_answer.set()
    await world.forecast(60)


async def test_a_newer_table_ends_the_retries_of_an_older_one(run_world, table):
    world = await run_world(retry_first_seconds=30.0, retry_longest_seconds=30.0)
    world.cpu.failure = grpc.StatusCode.INTERNAL
    world.features.publish(table(60))
    await asyncio.wait_for(world.cpu.asked.get(), 5.0)
    world.cpu.failure = None
    world.features.publish(table(120))
    await world.forecast(120)


async def test_a_killed_model_server_is_found_again(world, table):
    world.features.publish(table(60))
    await world.forecast(60)
    await world.cpu_peer.kill()
    world.features.publish(table(120))
    await world.cpu_peer.start()
    await world.forecast(120)


async def test_a_killed_feature_service_is_found_again(world, table):
    world.features.publish(table(60))
    await world.forecast(60)
    await world.features_peer.kill()
    await world.features_peer.start()
    world.features.publish(table(120))
    await world.forecast(120)
    assert [forecast.generation for forecast in world.published] == [60, 120]
