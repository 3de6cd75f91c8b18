"""Greedy and load rungs, and the costs they share with the reward."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_placement import greedy, load
from hydatis_placement.credits import Credits
from hydatis_placement.objective import joint_load, objective_cost
from hydatis_placement.overload import expected_overload_cost, overload_cost
from hydatis_placement.reward import PlacementCost, RewardWeights, placement_costs
from hydatis_placement.scores import scores
from hydatis_placement.view import ClusterView

GIB = 2.0**30
POD = Pod("p", requests=Resources(1.0, 4 * GIB))
USE = ExpectedUse(0.5, 1.0, 2 * GIB, 4 * GIB, UseSource.PROFILE)


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def view(
    used: list[float],
    p50: list[float] | None = None,
    p95: list[float] | None = None,
    pods: list[int] | None = None,
    law: list[float] | None = None,
) -> ClusterView:
    """Nodes of 10 cores; their pods' laws say what is used now, or ``law`` at every scale."""
    values = np.zeros((len(used), len(SCHEMA.names)), dtype=np.float32)
    columns = {
        "cpu_allocatable_cores": 10.0,
        "memory_allocatable_bytes": 40 * GIB,
        "pod_limit_count": 100.0,
        "cpu_used_mean_15m_ratio": used,
        "memory_used_mean_15m_ratio": 0.1,
        "pod_count": pods or 3,
        **{f"cpu_effective_{scale}_ratio": used if law is None else law for scale in (10, 20, 40)},
    }
    for name, value in columns.items():
        values[:, SCHEMA.index[name]] = value
    table = NodeTable(600, tuple(f"n{i}" for i in range(len(used))), SCHEMA.names, values, SCHEMA.hashes)
    if p50 is None or p95 is None:
        return ClusterView(table)
    low = np.full(len(used), 0.1, dtype=np.float32)
    return ClusterView(table, vector(*p50), vector(*p95), low, low)


def order(utilities: np.ndarray) -> list[int]:
    return np.argsort(-utilities, kind="stable").tolist()


def ask(module: object, state: ClusterView, weight: float, credits: Credits | None = None) -> np.ndarray:
    rows = np.arange(state.node_count, dtype=np.int32)
    return module.utility(state, rows, POD, USE, credits or Credits(), weight)  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", [greedy, load])
def test_spreading_prefers_the_emptiest_and_packing_the_fullest_that_is_safe(module: object) -> None:
    loads = [0.2, 0.5, 0.0, 1.3]
    state = view(loads, loads, [u + 0.1 for u in loads], [3, 3, 0, 3])
    assert order(ask(module, state, 0.0)) == [2, 0, 1, 3]
    assert order(ask(module, state, 1.0)) == [1, 0, 2, 3]


@pytest.mark.parametrize("module", [greedy, load])
def test_an_overloaded_node_never_gets_better_by_more_overload(module: object) -> None:
    """A cost that saturates makes the hottest node look free: peers have had that bug."""
    loads = [0.95, 1.2, 3.0, 50.0, 900.0]
    utilities = ask(module, view(loads, loads, loads), 0.0)
    assert (np.diff(utilities) < 0).all()


@pytest.mark.parametrize("module", [greedy, load])
def test_credits_move_the_choice(module: object) -> None:
    state = view([0.2, 0.3], [0.2, 0.3], [0.3, 0.4])
    assert order(ask(module, state, 0.0)) == [0, 1]
    credits = Credits(np.array([0], dtype=np.int32), vector(2, 3, 0, 0, 2, 0, 2, 0.3, 0.3, 0.3, 0, 0, 0)[None])
    assert order(ask(module, state, 0.0, credits)) == [1, 0]


def test_of_two_nodes_with_the_same_load_greedy_avoids_the_one_that_holds_the_sleepers() -> None:
    """Measured, forecast and requested alike: the laws of the pods that are there alone tell them apart."""
    state = view([0.4, 0.4], [0.4, 0.4], [0.5, 0.5], law=[0.75, 0.4])
    assert order(ask(load, state, 0.0)) == [0, 1]
    utilities = ask(greedy, state, 0.0)
    assert order(utilities) == [1, 0]
    assert scores(utilities, epsilon=greedy.EPSILON).tolist() == [0, 10]


def test_greedy_avoids_a_node_that_is_about_to_be_full_whatever_the_laws_of_its_pods_say() -> None:
    state = view([0.5, 0.5], [0.97, 0.5], [1.05, 0.6], law=[0.1, 0.6])
    assert order(ask(greedy, state, 0.0)) == order(ask(greedy, state, 1.0)) == [1, 0]


def test_golden_utility_of_greedy() -> None:
    """Loads of 0.5 by CPU alone: 40 (0.5 - 1) is the least exponent, of memory 40 (0 - 1); the forecast costs nothing."""
    state = view([0.3], [0.0], [0.0], law=[0.4])
    use = replace(USE, effective_use_ratio=(0.9,) * 12 + (0.0,) * 12)
    rows = np.array([0], dtype=np.int32)
    d = np.exp(-20.0 / 6)
    assert greedy.utility(state, rows, POD, use, Credits(), 0.0)[0] == pytest.approx(-d, rel=1e-4)
    assert greedy.utility(state, rows, POD, use, Credits(), 1.0)[0] == pytest.approx(0.5 - 3 * d, rel=1e-4)


def test_at_no_scale_is_a_node_loaded_less_than_is_measured() -> None:
    """Laws that say 0.1 and use that is 0.45 / 0.9 after placement: the same as laws that say so."""
    use = replace(USE, effective_use_ratio=(0.0,) * 24)
    state = view([0.4, 0.0], [0.0, 0.0], [0.0, 0.0], law=[0.1, 0.5])
    utilities = greedy.utility(state, np.arange(2, dtype=np.int32), POD, use, Credits(), 0.0)
    assert utilities.tolist() == pytest.approx([-np.exp(-20.0 / 6)] * 2, rel=1e-4)


def test_greedy_avoids_the_uncertain_node_of_two_with_the_same_median() -> None:
    assert order(ask(greedy, view([0.5, 0.5], [0.7, 0.7], [1.1, 0.75]), 0.0)) == [1, 0]


@pytest.mark.parametrize("module", [greedy, load])
def test_utilities_are_finite_float32_whatever_is_unknown_or_absurd(module: object) -> None:
    state = view([np.nan, 0.3], [np.nan, 0.2], [np.nan, 0.3])
    rows = np.array([1, 0], dtype=np.int32)
    huge = ExpectedUse(2.0**60, 2.0**60, 2.0**60, 2.0**60, UseSource.REQUEST)
    for use in (USE, huge):
        utilities = module.utility(state, rows, POD, use, Credits(), 0.5)  # type: ignore[attr-defined]
        assert utilities.dtype == np.float32
        assert np.isfinite(utilities).all()


def test_overload_cost_grows_with_the_excess_only() -> None:
    assert overload_cost(vector(0.5, 0.9, 1.0, 1.4, np.nan), 0.9).tolist() == pytest.approx([0, 0, 1, 5, 0], abs=1e-5)


def test_expected_overload_cost_is_the_mean_of_the_cost_under_the_logistic_law() -> None:
    median, p95, threshold = 0.8, 1.0, 0.9
    draws = median + (p95 - median) / np.log(19.0) * generator(1, "test").logistic(size=400_000)
    sampled = overload_cost(draws.astype(np.float32), threshold).mean()
    assert expected_overload_cost(vector(median), vector(p95), threshold)[0] == pytest.approx(sampled, rel=0.02)


def test_expected_overload_cost_without_spread_is_the_cost_itself() -> None:
    assert expected_overload_cost(vector(0.5, 1.1), vector(0.5, 1.1), 0.9).tolist() == pytest.approx([0, 2], abs=1e-4)


def test_the_objective_turns_from_spreading_to_packing() -> None:
    assert objective_cost(0.4, 1.0, 0.0) == pytest.approx(0.4)
    assert objective_cost(0.4, 1.0, 1.0) == pytest.approx(0.6)
    assert objective_cost(0.4, 0.0, 0.5) == 0.0
    assert joint_load(vector(0.6, 0.3), vector(0.0, 0.3)).tolist() == pytest.approx([0.6 / np.sqrt(2), 0.3])


def cost_of(cpu: np.ndarray, memory: np.ndarray, stranded_change: float = 0.0, opened: float = 0.0) -> PlacementCost:
    (cost,) = placement_costs(
        cpu=cpu[None],
        memory=memory[None],
        stranded_change=np.array([stranded_change]),
        opened=np.array([opened > 0]),
        gpu_lost_devices=vector(0.0),
    )
    return cost


def reward_of(cpu: float, memory: float = np.nan, **changes: float) -> float:
    parts = {name: value for name, value in changes.items() if name in ("stranded_change", "opened")}
    cost = cost_of(np.full(4, cpu, np.float32), np.full(4, memory, np.float32), **parts)
    return cost.reward(changes.get("objective_weight", 0.0), RewardWeights(objective=changes.get("objective", 0.0)))


def test_a_placement_is_charged_for_the_overload_of_its_node() -> None:
    assert reward_of(0.5) == 0.0
    assert reward_of(1.0) == pytest.approx(-1.0, abs=1e-5)
    assert reward_of(1.2) == pytest.approx(-3.0, abs=1e-5)
    assert reward_of(0.3, 1.05) == pytest.approx(-2.0, abs=1e-4)


def test_fragmentation_and_objective_are_charged() -> None:
    assert reward_of(0.2, stranded_change=0.1) == pytest.approx(-0.02)
    spread = reward_of(0.4, objective=1.0)
    pack = reward_of(0.4, objective=1.0, objective_weight=1.0)
    d = np.exp(40 * (0.4 / 0.9 - 1) / 6)
    assert spread == pytest.approx(-d, rel=1e-5)
    assert pack == pytest.approx(0.4 / 0.9 - 3 * d, rel=1e-5)
    assert reward_of(0.4, objective=1.0, objective_weight=1.0, opened=1.0) == pytest.approx(pack - 1.0)


def test_a_load_that_comes_and_goes_is_worse_than_its_mean() -> None:
    def spread_of(*cpu: float) -> float:
        return cost_of(vector(*cpu), np.full(len(cpu), np.nan, np.float32)).spread_value

    assert spread_of(0.1, 0.7, 0.1, 0.7) < spread_of(0.4, 0.4, 0.4, 0.4)


def test_placements_worked_out_together_cost_what_each_costs_alone() -> None:
    cpu, memory = np.random.default_rng(1).uniform(0.0, 1.5, (2, 5, 289)).astype(np.float32)
    memory[3] = np.nan
    zeros = np.zeros(5, dtype=np.float32)
    together = placement_costs(cpu=cpu, memory=memory, stranded_change=zeros, opened=zeros > 0, gpu_lost_devices=zeros)
    assert together == [cost_of(*loads) for loads in zip(cpu, memory, strict=True)]


def test_what_is_not_known_counts_as_idle() -> None:
    assert reward_of(np.nan, objective=1.0) == reward_of(0.0, 0.0, objective=1.0)


def test_reward_weights_must_be_weights() -> None:
    with pytest.raises(InvalidValue):
        RewardWeights(memory_overload=-1.0)
