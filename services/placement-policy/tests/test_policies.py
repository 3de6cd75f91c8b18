"""Which policy answers: the served one in time, else the local one; and how the one is found again and the other replaced."""

from __future__ import annotations

import asyncio

import grpc
import numpy as np
import pytest
from hydatis_core import errors
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.seeds import generator
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import initial_q_function
from hydatis_placement_policy.circuit import Circuit
from hydatis_placement_policy.local_policy import LocalPolicyShelf


def test_a_circuit_opens_after_failures_in_a_row_and_closes_with_one_success():
    circuit = Circuit(3)
    assert [circuit.failed() for _ in range(2)] == [False, False]
    assert circuit.in_doubt
    assert not circuit.succeeded()
    assert not circuit.in_doubt
    assert [circuit.failed() for _ in range(4)] == [False, False, True, False]
    assert circuit.is_open
    assert circuit.succeeded()
    assert not circuit.is_open


async def test_a_late_model_server_leaves_the_local_policy(run_world, query):
    world = await run_world(model_timeout_ms=20.0, circuit_failures_count=100)
    await world.tick(60)
    world.model.may_answer.clear()
    answer = await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)
    assert (answer.local, answer.model_version) == (True, "1.0.0")
    assert np.isfinite(answer.utilities[0]).all()
    assert world.sample("hydatis_policy_answers_total", source="local") == 1
    world.model.may_answer.set()


@pytest.mark.parametrize(
    "change", [{"failure": grpc.StatusCode.UNAVAILABLE}, {"failure": grpc.StatusCode.INVALID_ARGUMENT}, {"value": np.nan}]
)
async def test_a_failing_or_lying_model_server_leaves_the_local_policy(world, query, change):
    await world.tick(60)
    for name, value in change.items():
        setattr(world.model, name, value)
    assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local


async def test_a_hanging_model_server_is_asked_a_few_times_and_then_only_probed(run_world, query):
    world = await run_world(model_timeout_ms=20.0, probe_timeout_seconds=0.02, circuit_failures_count=2)
    await world.tick(60)
    world.model.may_answer.clear()
    for _ in range(10):
        assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local
    while not world.sample("hydatis_policy_circuit_open"):
        await asyncio.wait_for(world.model.asked.get(), 5.0)
    # From now on decisions do not reach it: what comes has one row, and is a probe.
    while not world.model.asked.empty():
        world.model.asked.get_nowait()
    for _ in range(5):
        assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local
    probe = await asyncio.wait_for(world.model.asked.get(), 5.0)
    assert tuple(probe.inputs[0].shape) == (1, len(COLUMN_DEFINITIONS))
    # It is back: a probe finds out, and decisions reach it again.
    world.model.may_answer.set()
    async with asyncio.timeout(5.0):
        while (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local:
            pass  # the probe above may be the one that finds out: nothing else need ever reach the model
    assert world.sample("hydatis_policy_circuit_open") == 0


async def test_a_killed_model_server_is_used_again_soon_after_it_is_back(world, query):
    await world.tick(60)
    await world.model_peer.kill()
    assert (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local
    await world.model_peer.start()
    async with asyncio.timeout(5.0):
        while (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local:
            await asyncio.wait_for(world.model.asked.get(), 5.0)


async def test_a_caller_in_a_hurry_gets_the_local_policy_and_does_not_open_the_circuit(run_world, query):
    world = await run_world(circuit_failures_count=1, deadline_reserve_ms=950.0)
    await world.tick(60)
    world.model.may_answer.clear()
    assert (await world.client.rank_nodes([query()], [60], timeout_seconds=1.0)).local
    assert world.sample("hydatis_policy_circuit_open") == 0
    world.model.may_answer.set()
    assert not (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local


async def test_without_any_policy_the_answer_says_so(run_world, query):
    world = await run_world(local=False)
    assert world.app.server.ready
    await world.tick(60)
    assert not (await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)).local
    world.model.failure = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(DependencyUnavailable, match="no local policy"):
        await world.client.rank_nodes([query()], [60], timeout_seconds=5.0)


async def test_a_policy_published_later_is_taken_up(tmp_path, policy, publish):
    shelf = LocalPolicyShelf(ArtifactFolder(tmp_path), 3600.0)
    await shelf.start()
    assert shelf.policy is None
    publish(tmp_path, "1.0.0", policy(1))
    await shelf.refresh()
    assert shelf.policy.version == "1.0.0"
    publish(tmp_path, "1.1.0", policy(2))
    await shelf.refresh()
    assert shelf.policy.version == "1.1.0"
    states = np.ones((3, len(COLUMN_DEFINITIONS)), dtype=np.float32)
    np.testing.assert_array_equal(shelf.policy.values(states), policy(2).values(states))
    await shelf.stop()


async def test_a_tampered_policy_is_refused_and_the_one_held_goes_on(tmp_path, policy, publish):
    publish(tmp_path, "1.0.0", policy(1))
    refused = []
    shelf = LocalPolicyShelf(ArtifactFolder(tmp_path), 3600.0, lambda *which: refused.append(which))
    await shelf.refresh()
    publish(tmp_path, "1.1.0", policy(2))
    file = tmp_path / "placement-policy" / "1.1.0" / "q_function.npz"
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))
    await shelf.refresh()
    assert shelf.policy.version == "1.0.0"
    assert refused == [("placement-policy", "1.1.0")]


async def test_a_policy_that_wants_other_columns_is_refused_and_an_older_one_taken(tmp_path, policy, publish):
    publish(tmp_path, "1.0.0", policy(1))
    publish(tmp_path, "2.0.0", policy(2), [(name, "0" * 12) for name, _ in COLUMN_DEFINITIONS])
    refused = []
    shelf = LocalPolicyShelf(ArtifactFolder(tmp_path), 3600.0, lambda *which: refused.append(which))
    await shelf.refresh()
    assert shelf.policy.version == "1.0.0"
    assert refused == [("placement-policy", "2.0.0")]


async def test_a_policy_of_fewer_columns_is_given_those(tmp_path, publish):
    columns = COLUMN_DEFINITIONS[5:2:-1]
    small = initial_q_function(generator(1, "small"), np.zeros(3, dtype=np.float32), np.ones(3, dtype=np.float32))
    publish(tmp_path, "1.0.0", small, columns)
    shelf = LocalPolicyShelf(ArtifactFolder(tmp_path), 3600.0)
    await shelf.refresh()
    states = np.arange(2 * len(COLUMN_DEFINITIONS), dtype=np.float32).reshape(2, -1)
    np.testing.assert_array_equal(shelf.policy.values(states), small.values(states[:, [5, 4, 3]]))


async def test_errors_of_the_tree_are_what_a_caller_sees(world, query):
    with pytest.raises(errors.GenerationUnavailable):
        await world.client.rank_nodes([query()], [1], timeout_seconds=5.0)
