"""A decision can be explained afterwards: what was chosen, why, and where the pod then went."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_cli.stack import MODELS, Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.workloads import Workload
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.replay import replay

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def placed(stack: Stack, small: Workload) -> Outcome:
    """Two hours of a replay over the stack."""
    feed, policy = StackFeed(stack.features_address, stack.extender_url), ExtenderPolicy(stack.extender_url, timeout_seconds=10)
    outcome = replay(small.trace, small.nodes, policy, [feed], seed=3, until=small.trace.start_seconds + 7200)
    policy.close()
    feed.close()
    return outcome


@pytest.fixture(scope="module")
def records(stack: Stack, placed: Outcome) -> dict[str, Any]:
    """The newest decision record of each pod, by uid."""
    client = ExtenderClient(stack.extender_url)
    found = client.get_json("/decisions?limit=1000", timeout_seconds=30)["decisions"]
    client.close()
    return {record["pod"]["uid"]: record for record in reversed(found)}


def test_every_placement_has_a_record_joined_with_where_the_pod_went(placed: Outcome, records: dict[str, Any]) -> None:
    assert len(placed.placements) > 20
    assert {p.pod_uid: p.node_name for p in placed.placements} == {
        p.pod_uid: records[p.pod_uid]["bound_node"] for p in placed.placements
    }


def test_a_record_says_on_what_it_was_decided(placed: Outcome, records: dict[str, Any]) -> None:
    for placement in placed.placements:
        record = records[placement.pod_uid]
        assert record["rung"] == "full"
        assert 0 <= placement.time_seconds - record["generation"] < 300
        assert {text.partition(" ")[0] for text in record["model_versions"]} == set(MODELS)
        assert record["top"][0]["node_name"] == record["chosen_node"]
        assert record["top"][0]["score"] == 10
        assert not record["risk_masked"]
        assert [reason["score"] for reason in record["top"]] == sorted((reason["score"] for reason in record["top"]), reverse=True)
        # with our weight one level outranks what in-tree resource scores can differ by: they break ties among the best
        scores = {reason["node_name"]: reason["score"] for reason in record["top"]}
        assert scores.get(placement.node_name, 10) == 10


def test_the_command_explains_a_pod_as_json_and_in_words(stack: Stack, placed: Outcome, hydatis: Command, command: Command) -> None:
    placement = placed.placements[-1]
    asked = hydatis("explain", placement.pod_uid, "--state", str(stack.state.root), "--json")
    assert asked.code == 0, asked.err
    (record,) = json.loads(asked.out)
    assert record["pod"]["uid"] == placement.pod_uid
    assert record["bound_node"] == placement.node_name
    pod = record["pod"]
    told = command("explain", f"{pod['namespace']}/{pod['name']}", "--state", str(stack.state.root))
    assert told.code == 0, told.err
    assert f"bound to {placement.node_name}" in " ".join(told.out.split())
    assert "Rung full" in told.out


def test_a_decision_recorded_with_its_whole_input_is_computed_again_to_the_same(
    stack: Stack, small: Workload, placed: Outcome, start: Command, until: Command, hydatis: Command, tmp_path: Path
) -> None:
    shim = start("scheduler-plugin", DECISIONS_DIR=str(tmp_path), FULL_INPUT_RATIO="1.0")
    extender = f"http://127.0.0.1:{shim.setting('HTTP_PORT')}"
    client = ExtenderClient(extender)
    until(lambda: client.get_json("/readyz", timeout_seconds=30)["rung"] == "full", "it could decide on the full rung")
    asking = ExtenderPolicy(extender, timeout_seconds=10)
    pod, names = small.trace.pods[-1].pod, [node.name for node in small.nodes]
    asking.filter_and_score(pod, names, small.trace.start_seconds + 7200)
    asking.close()
    (record,) = client.get_json("/decisions?limit=1", timeout_seconds=30)["decisions"]
    client.close()
    assert record["rung"] == "full", record["rung_reason"]
    again = hydatis(
        "replay", "--decision", record["decision_id"], "--extender", extender, "--state", str(stack.state.root), "--json"
    )
    assert again.code == 0, again.err
    told = json.loads(again.out)
    assert told["same"]
    assert told["rung"] == record["rung"]
    assert [row["node_name"] for row in told["candidates"]] == names


def test_it_says_in_one_sentence_that_it_knows_no_such_pod(stack: Stack, placed: Outcome, hydatis: Command) -> None:
    asked = hydatis("explain", "nobody", "--state", str(stack.state.root))
    assert (asked.code, asked.out) == (2, "")
    assert asked.err.count("\n") == 1
    assert "nobody" in asked.err
