"""The policies of HYDATIS in the arena, and the learning of the correction."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_placement.q_function import FILE_NAME
from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.judge import judge
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena_policy.greedy import HydatisGreedy
from hydatis_simulator.arena_policy.learned import MOMENT_FILE_NAME, HydatisLearned, correction_of
from hydatis_simulator.arena_policy.training import SETTINGS, compare_with_greedy, train_correction

GIB = 2.0**30
NODE = np.array([10.0, 100 * GIB])


def fleet(pods_count: int = 40, seed: int = 1) -> Fleet:
    """Every fourth pod is bursty: 6 of 10 cores, one hour of four; the others are small and steady."""
    random = np.random.default_rng(seed)
    steps = 12 * 24 * 4
    usage = np.full((2, pods_count, steps), 0.3, dtype=np.float32)
    usage[1] *= GIB
    for pod in range(0, pods_count, 4):
        usage[0, pod] = np.where((np.arange(steps) // 12 + random.integers(24)) % 4 == 0, 6.0, 0.1)
    cpu_requests = np.where(np.arange(pods_count) % 4 == 0, 6.0, 0.5)
    return Fleet(
        name="test",
        step_seconds=300.0,
        history_steps=2 * 288,
        judged_from_step=3 * 288,
        usage=usage,
        requests=np.array([cpu_requests, np.full(pods_count, GIB)]),
        limits=np.array([cpu_requests, np.full(pods_count, GIB)]),
        arrival_seconds=np.sort(random.uniform(2 * 86400, 3 * 86400, pods_count)),
        workloads=np.arange(pods_count, dtype=np.int32),
    )


def cluster(nodes_count: int) -> np.ndarray:
    return np.tile(NODE[:, None], nodes_count)


def test_bursty_pods_are_kept_apart() -> None:
    nodes = place(fleet(), cluster(10), HydatisGreedy(), seed=1, requests_bind=False)
    assert np.bincount(nodes[::4], minlength=10).max() == 1
    assert judge(fleet(), nodes, cluster(10)).violation_ratio == 0.0


def test_a_placement_is_the_same_twice_and_without_correction_that_of_greedy() -> None:
    first, again, uncorrected = (
        place(fleet(), cluster(8), contender, seed=1, requests_bind=False)
        for contender in (HydatisGreedy(), HydatisGreedy(), HydatisLearned(None))
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, uncorrected)


def test_without_credits_a_burst_is_placed_blindly() -> None:
    burst = replace(fleet(), arrival_seconds=np.full(40, 2 * 86400.0 + 1.0))
    most_bursty = [
        np.bincount(place(burst, cluster(10), HydatisGreedy(credits=credits), seed=1, requests_bind=False)[::4]).max()
        for credits in (True, False)
    ]
    assert most_bursty[0] < most_bursty[1]


def test_nodes_of_unlike_sizes_are_weighed_by_their_room() -> None:
    allocatable = np.array([[10.0, 20.0], [100 * GIB, 200 * GIB]])
    nodes = place(fleet(12), allocatable, HydatisGreedy(jumps=False), seed=1, requests_bind=False)
    bursty = np.bincount(nodes[::4], minlength=2)
    assert bursty[1] > bursty[0]


def test_packing_fills_fewer_nodes_than_spreading() -> None:
    used = [
        judge(
            fleet(), place(fleet(), cluster(12), HydatisLearned(None, objective_weight=w), seed=1, requests_bind=False), cluster(12)
        )
        for w in (0.0, 1.0)
    ]
    assert used[1].nodes_used_count < used[0].nodes_used_count == 12


def test_learning_is_repeatable_and_the_correction_survives_its_file() -> None:
    settings = replace(SETTINGS, warm_up=20, hidden_units=(8,))
    first, curve = train_correction([fleet()], NODE[None], seed=3, episodes=3, settings=settings)
    again, _ = train_correction([fleet()], NODE[None], seed=3, episodes=3, settings=settings)
    assert len(curve) == 3
    files = {MOMENT_FILE_NAME: first.to_files()[FILE_NAME]}
    assert files[MOMENT_FILE_NAME] == again.to_files()[FILE_NAME]
    read = correction_of(files)
    assert read is not None
    nodes = place(fleet(), cluster(8), HydatisLearned(read), seed=1, requests_bind=False)
    assert (nodes >= 0).all()
    figures = compare_with_greedy(read, [fleet(seed=2)], NODE, seed=1, levels=(1.5,))
    assert set(figures) == {"hydatis_violation_ratio", "greedy_violation_ratio", "lower_ratio", "prefer_learned"}


def test_an_artifact_without_a_correction_has_none_and_a_broken_one_is_refused() -> None:
    assert correction_of({"q_function.npz": b""}) is None
    with pytest.raises(ArtifactRefused) as refused:
        correction_of({MOMENT_FILE_NAME: b"no npz"})
    assert refused.value.field == MOMENT_FILE_NAME


def test_no_fleet_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no fleet"):
        train_correction([], NODE[None], seed=1, episodes=1)
