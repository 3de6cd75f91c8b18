"""A replay over the running stack: every pod is decided on the full rung, the same twice, and as stock when told to keep out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydatis_cli.commands.replay import StackAddresses, replay_over_stack
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_cli.replay_result import ReplayResult
from hydatis_cli.stack import MODELS, Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.workloads import SCRAPE_DELAY_SECONDS, TICK_SECONDS, Workload, evaluation_workload
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay

HOURS = 8
SEED = 3


def replayed(stack: Stack, workload: Workload) -> ReplayResult:
    return replay_over_stack(StackAddresses(stack.extender_url, stack.features_address), workload.trace, workload.nodes, seed=SEED)


def check(result: ReplayResult, workload: Workload) -> None:
    """What every replay over a whole stack must show."""
    placed, stock, chance = result.outcomes
    assert (placed.policy, stock.policy, chance.policy) == ("hydatis", "stock", "random")
    assert placed.figures["pods_count"] == len(workload.trace.pods)
    assert placed.figures["placed_count"] + placed.figures["pending_count"] + placed.figures["expired_count"] == len(
        workload.trace.pods
    )
    assert placed.figures["placed_count"] >= stock.figures["placed_count"]
    # every question was answered, and each is one decision
    assert result.unanswered_count == 0
    assert sum(result.rungs.values()) == result.decided_count >= placed.figures["placed_count"]
    # how many are late is the machine's matter: `hydatis bench latency` holds the share on a quiet one
    assert result.full_ratio >= 0.5
    assert placed.figures["abstained_ratio"] == 0
    assert result.retries_count == 0
    assert set(result.models) == set(MODELS)


def test_a_synthetic_trace_is_decided_on_the_full_rung(stack: Stack, small: Workload) -> None:
    result = replayed(stack, small)
    check(result, small)
    shown = json.loads(result.to_json())
    assert shown["full_rung_ratio"] == result.full_ratio
    assert [outcome["policy"] for outcome in shown["outcomes"]] == ["hydatis", "stock", "random"]


def test_a_slice_of_bitbrains_is_decided_on_the_full_rung(stack: Stack, data_folder: Path) -> None:
    workload = evaluation_workload("bitbrains", data_folder, seed=SEED, pod_count=150, days=1)
    result = replayed(stack, workload)
    check(result, workload)
    assert result.trace_report.rules, "its quirks are counted"


# --- the same twice, and as stock when told to keep out


def over_stack(stack: Stack, workload: Workload) -> Outcome:
    feed = StackFeed(stack.features_address, stack.extender_url)
    policy = ExtenderPolicy(stack.extender_url, timeout_seconds=10)
    try:
        outcome = play(workload, policy, [feed])
        assert policy.unanswered_count == 0
        return outcome
    finally:
        policy.close()
        feed.close()


def play(workload: Workload, policy: Any, observers: list[Any]) -> Outcome:
    return replay(
        workload.trace,
        workload.nodes,
        policy,
        observers,
        seed=SEED,
        tick_seconds=TICK_SECONDS,
        scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
        until=workload.trace.start_seconds + HOURS * 3600,
    )


@pytest.fixture(scope="module")
def stock(small: Workload) -> Outcome:
    """The stock scheduler's placements."""
    return play(small, StockPolicy(), [])


def test_the_same_replay_twice_gives_the_same_placements(
    stack: Stack, small: Workload, stock: Outcome, policy_in_force: Callable[[str], None]
) -> None:
    policy_in_force("mode: on\ndecision_budget_ms: 5000\n")  # a machine that is busy for a moment changes no rung
    first, second = over_stack(stack, small), over_stack(stack, small)
    assert first.digest == second.digest
    assert first.figures == pytest.approx(second.figures, nan_ok=True)
    assert first.digest != stock.digest


@pytest.mark.parametrize(
    "policy",
    [
        "mode: off\n",
        "mode: shadow\n",
        "enabled: false\n",
        "ramp_pct: 0\n",
        "scheduler_names: [another]\n",
        "namespaces: {include: [x]}\n",
    ],
)
def test_a_shim_that_keeps_out_places_exactly_as_the_stock_scheduler(
    policy: str, stack: Stack, small: Workload, stock: Outcome, policy_in_force: Callable[[str], None]
) -> None:
    policy_in_force(policy)
    assert over_stack(stack, small).digest == stock.digest


def test_a_policy_file_that_is_wrong_changes_nothing(
    stack: Stack, small: Workload, stock: Outcome, policy_in_force: Callable[[str], None]
) -> None:
    policy_in_force("mode: off\n")
    policy_in_force("mode: [broken\n")
    assert over_stack(stack, small).digest == stock.digest
