"""On, shadow, off, ramped out: who is not ours is placed by the stock profile, and the switch works while we run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
async def governed(make: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A world with a policy file that says ``mode: on``."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("mode: 'on'\n")
    world = make.world(settings={"policy_file": str(policy)})
    await world.start(tmp_path)
    await world.whole(p95=[0.2, 0.99, 0.2])
    yield world
    await world.stop()


async def says(world: Any, text: str, *, good: bool = True) -> None:
    """Writes the policy file and waits until it was read."""
    watch = world.app._watch
    revision, problem = watch.revision, watch.problem
    await asyncio.to_thread(Path(world.app._settings.policy_file).write_text, text)
    await world.until(lambda: watch.revision > revision if good else watch.problem not in ("", problem))


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("mode: 'off'", "off"),
        ("enabled: false", "disabled"),
        ("namespaces: {exclude: [default]}", "namespace"),
        ("scheduler_names: [other]", "scheduler_name"),
        ("ramp_pct: 0", "ramp"),
    ],
)
async def test_who_is_not_ours_is_answered_neutrally_and_costs_nothing(governed: Any, policy: str, reason: str) -> None:
    await says(governed, policy)
    args = governed.args()
    filtered, scores = await governed.schedule(args)
    assert filtered["NodeNames"] == args["NodeNames"]
    assert filtered["FailedNodes"] == {}
    assert set(scores.values()) == {0}
    assert governed.placement.queries == []
    assert len(governed.memory.ledger) == 0
    assert await governed.metric(f'hydatis_decisions_total{{reason="{reason}",rung="none"}}') == 1
    record = await governed.record(args["Pod"]["metadata"]["uid"])
    assert (record["rung"], record["rung_reason"], record["chosen_node"]) == (None, reason, "")


async def test_shadow_decides_and_records_and_answers_neutrally(governed: Any) -> None:
    await says(governed, "mode: shadow")
    args = governed.args()
    filtered, scores = await governed.schedule(args)
    assert filtered["NodeNames"] == args["NodeNames"]
    assert filtered["FailedNodes"] == {}
    assert set(scores.values()) == {0}
    assert len(governed.placement.queries) == 1
    assert len(governed.memory.ledger) == 0
    record = await governed.record(args["Pod"]["metadata"]["uid"])
    assert (record["shadow"], record["rung"], record["chosen_node"], record["rejected_count"]) == (True, "full", "fake-00000", 1)


async def test_thresholds_objective_and_budget_come_from_the_file(governed: Any) -> None:
    await says(governed, "memory_threshold_ratio: 2\ncpu_threshold_ratio: 2\nobjective_weight: 0.75\nepsilon: 10")
    filtered, scores = await governed.schedule()
    assert filtered["FailedNodes"] == {}
    assert set(scores.values()) == {10}
    assert governed.placement.queries[0].objective_weight == 0.75


async def test_a_bad_file_changes_nothing_and_is_reported(governed: Any) -> None:
    await says(governed, "mode: shadow")
    await says(governed, "mode: sideways", good=False)
    _, scores = await governed.schedule()
    assert set(scores.values()) == {0}
    assert await governed.metric("hydatis_policy_file_good") == 0
    assert "sideways" in (await governed.get("/readyz"))[1]["policy_problem"]
    await says(governed, "mode: 'on'")
    _, scores = await governed.schedule()
    assert scores["fake-00000"] == 10
    assert await governed.metric("hydatis_policy_file_good") == 1


async def test_a_file_replaced_by_rename_is_read(governed: Any) -> None:
    path = Path(governed.app._settings.policy_file)
    revision = governed.app._watch.revision
    (path.parent / "new").write_text("mode: 'off'")
    (path.parent / "new").rename(path)
    await governed.until(lambda: governed.app._watch.revision > revision)
    assert governed.app._watch.policy.mode == "off"


async def test_a_file_that_was_never_good_means_that_we_place_nobody(make: Any, tmp_path: Path) -> None:
    world = make.world(settings={"policy_file": str(tmp_path / "missing.yaml")})
    await world.start(tmp_path)
    await world.whole()
    _, scores = await world.schedule()
    assert set(scores.values()) == {0}
    assert "cannot be read" in (await world.get("/readyz"))[1]["policy_problem"]
    (tmp_path / "missing.yaml").write_text("")
    await world.until(lambda: world.app._watch.revision > 0)
    _, scores = await world.schedule()
    assert scores["fake-00000"] == 10
    await world.stop()
