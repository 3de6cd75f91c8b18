"""One forecast per table, by both models, for all nodes: streamed, and answered from memory."""

from __future__ import annotations

import asyncio

import grpc
import numpy as np
import pytest
from hydatis.forecast.v1 import forecast_pb2, forecast_pb2_grpc
from hydatis_core import errors
from hydatis_features.schema import SCHEMA
from hydatis_forecasting.targets import COLUMNS
from hydatis_serving.error_table import from_rpc_error


async def test_each_table_is_forecast_once_and_streamed_whole(world, table):
    world.features.publish(table(60))
    forecast = await world.forecast(60)
    assert forecast.values.shape == (4, len(COLUMNS))
    np.testing.assert_allclose(forecast.values[:, 0], [0.5, 0.51, 0.52, 0.53], rtol=1e-6)
    assert forecast.model_versions == (("cpu-forecaster", "1.0.0"), ("memory-forecaster", "1.0.0"))
    assert forecast.row_versions is None


async def test_the_models_get_the_whole_row_with_names_and_definition_hashes(world, table):
    world.features.publish(table(60))
    await world.forecast(60)
    request = await world.cpu.asked.get()
    assert request.model_name == "cpu-forecaster"
    assert tuple(request.inputs[0].shape) == (4, len(SCHEMA.names))
    expected = ",".join(f"{name}:{text}" for name, text in zip(SCHEMA.names, SCHEMA.hashes, strict=True))
    assert request.parameters["columns"].string_param == expected


async def test_shards_keep_the_version_that_computed_each_row(run_world, table):
    world = await run_world(shard_count=4)
    world.cpu.versions_by_call = ["1.0.0", "1.1.0", "1.0.0", "1.1.0"]
    world.features.publish(table(60, 8))
    forecast = await world.forecast(60)
    assert set(forecast.model_versions) == {
        ("cpu-forecaster", "1.0.0"),
        ("cpu-forecaster", "1.1.0"),
        ("memory-forecaster", "1.0.0"),
    }
    of_row = [forecast.model_versions[position][1] for position in forecast.row_versions[:, 0]]
    assert sorted(of_row) == ["1.0.0"] * 4 + ["1.1.0"] * 4
    assert {forecast.model_versions[position] for position in forecast.row_versions[:, 1]} == {("memory-forecaster", "1.0.0")}
    np.testing.assert_allclose(forecast.values[:, 0], 0.5 + np.arange(8) / 100, rtol=1e-6)


async def test_outputs_in_another_order_are_put_right(world, table):
    world.cpu.outputs = tuple(reversed(world.cpu.outputs))
    world.features.publish(table(60))
    assert np.isfinite((await world.forecast(60)).values).all()


async def test_some_nodes_can_be_asked_for_by_row_or_by_name(world, table):
    world.features.publish(table(60))
    await world.forecast(60)
    by_row = await world.client.forecast_nodes(np.int32([3, 1]), generation=60, timeout_seconds=5.0)
    by_name = await world.client.forecast_nodes(node_names=["node-3", "node-1"], timeout_seconds=5.0)
    whole = await world.client.forecast_nodes(timeout_seconds=5.0)
    np.testing.assert_allclose(by_row.column("cpu_p50_300s"), [0.53, 0.51], rtol=1e-6)
    np.testing.assert_array_equal(by_row.values, by_name.values)
    np.testing.assert_array_equal(whole.values[[3, 1]], by_row.values)


async def test_the_newest_three_forecasts_are_kept(world, table):
    for generation in (60, 120, 180, 240):
        world.features.publish(table(generation))
        await world.forecast(generation)
    assert (await world.client.forecast_nodes(generation=120, timeout_seconds=5.0)).generation == 120
    with pytest.raises(errors.GenerationUnavailable, match="60"):
        await world.client.forecast_nodes(generation=60, timeout_seconds=5.0)


async def test_another_cluster_with_earlier_ticks_replaces_all(world, table):
    world.features.publish(table(6000))
    await world.forecast(6000)
    world.features.publish(table(60, 2))
    assert (await world.forecast(60)).node_count == 2
    assert (await world.client.forecast_nodes(timeout_seconds=5.0)).generation == 60


async def test_while_there_is_no_forecast_the_answer_says_so(world):
    with pytest.raises(errors.GenerationUnavailable):
        await world.client.forecast_nodes(timeout_seconds=5.0)


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
    await world.forecast(60)
    stub = forecast_pb2_grpc.ForecastServiceStub(world.client.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ForecastNodes(forecast_pb2.ForecastNodesRequest(**request_), timeout=5.0)
    refused = from_rpc_error(caught.value)
    assert (type(refused), refused.field) == (error, field)


async def test_a_nameless_subscriber_is_refused(world):
    stream = forecast_pb2_grpc.ForecastServiceStub(world.client.channel).WatchForecasts(
        forecast_pb2.WatchForecastsRequest(), timeout=5.0
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert from_rpc_error(caught.value).field == "subscriber"


async def test_it_is_ready_without_its_peers_and_stops_with_a_subscriber_attached(world, table):
    assert world.app.server.ready
    world.features.publish(table(60))
    await world.forecast(60)
    async with asyncio.timeout(4.0):
        await world.app.stop()
