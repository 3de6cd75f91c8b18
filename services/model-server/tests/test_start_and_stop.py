"""A server from its start to its end: versions swapped in and refused, ports taken, calls in flight."""

import asyncio
import signal
import socket

import numpy as np
import pytest
from hydatis_core.errors import UnknownColumn
from hydatis_serving.model_client import ModelClient

TIMEOUT_SECONDS = 20.0


async def test_a_new_version_is_swapped_in_and_a_tampered_one_is_not(tmp_path, kit, serve):
    first, _ = kit.publish_q(tmp_path, "1.0.0", seed=1)
    server = serve(tmp_path)
    client = ModelClient(server.grpc_address, "placement-policy")
    rows = np.random.default_rng(7).random((5, len(kit.state_columns)), dtype=np.float32)
    answer = await client.infer(rows, kit.state_columns, TIMEOUT_SECONDS)
    np.testing.assert_array_equal(answer.values[:, 0], first.values(rows))

    second, _ = kit.publish_q(tmp_path, "1.0.1", seed=2)
    await asyncio.to_thread(server.wait_for, "serving", version="1.0.1")
    answer = await client.infer(rows, kit.state_columns, TIMEOUT_SECONDS)
    assert answer.version == "1.0.1"
    np.testing.assert_array_equal(answer.values[:, 0], second.values(rows))

    _, path = kit.publish_q(tmp_path / "elsewhere", "1.0.2", seed=3)
    weights = path / "q_function.npz"
    weights.write_bytes(weights.read_bytes()[:100])
    path.rename(tmp_path / "placement-policy" / "1.0.2")
    (tmp_path / "placement-policy" / "CURRENT").write_text("1.0.2\n")
    refused = await asyncio.to_thread(server.wait_for, "artifact refused", version="1.0.2")
    assert "q_function.npz: the file is truncated" in refused["reason"]
    answer = await client.infer(rows, kit.state_columns, TIMEOUT_SECONDS)
    assert answer.version == "1.0.1"
    _, text = await asyncio.to_thread(server.rest, "/metrics")
    assert 'hydatis_artifact_refused_total{model="placement-policy",version="1.0.2"} 1.0' in text
    with pytest.raises(UnknownColumn):
        await client.infer(rows[:, :3], kit.state_columns[:3], TIMEOUT_SECONDS)
    await client.channel.close()
    assert await asyncio.to_thread(server.stop) == 0


def test_it_starts_on_the_previous_version_when_the_current_one_is_spoiled(tmp_path, kit, serve):
    kit.publish_q(tmp_path, "1.0.0")
    _, path = kit.publish_q(tmp_path, "1.0.1")
    (path / "manifest.json").write_text("{}")
    server = serve(tmp_path)
    assert server.rest("/v2/models/placement-policy")[1]["versions"] == ["1.0.0"]
    assert server.events("artifact refused")[0]["version"] == "1.0.1"


def test_without_anything_to_serve_it_ends_with_one_clear_line(tmp_path, serve):
    server = serve(tmp_path)
    assert server.process.wait(TIMEOUT_SECONDS) == 1
    said = server.wait_for("cannot start")
    assert said["error.message"] == "name: no version of placement-policy can be served: nothing is published"


def test_a_port_that_is_taken_is_said(tmp_path, kit, serve):
    kit.publish_q(tmp_path, "1.0.0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = serve(tmp_path, **{"http-port": taken.getsockname()[1]})
        assert server.process.wait(TIMEOUT_SECONDS) == 1
    assert "http_port: cannot listen on" in server.wait_for("cannot start")["error.message"]


async def test_a_call_in_flight_is_answered_before_it_stops(tmp_path, kit, serve):
    kit.publish_forecaster(tmp_path, rounds=60, max_depth=5)
    server = serve(tmp_path, "cpu-forecaster")
    client = ModelClient(server.grpc_address, "cpu-forecaster")
    rows = np.random.default_rng(8).random((20_000, len(kit.table_columns)), dtype=np.float32)
    calls = [asyncio.ensure_future(client.infer(rows, kit.table_columns, TIMEOUT_SECONDS)) for _ in range(2)]
    # One thread computes: when the first is answered, the second is being computed.
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    server.process.send_signal(signal.SIGTERM)
    for answer in await asyncio.gather(*calls):
        assert answer.values.shape == (20_000, 12)
    await client.channel.close()
    assert await asyncio.to_thread(server.stop) == 0
