"""The placement of HYDATIS in the arena."""

from dataclasses import replace

import numpy as np
from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.judge import judge
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena_policy.greedy import HydatisGreedy

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


def test_a_placement_is_the_same_twice() -> None:
    first, again = (place(fleet(), cluster(8), HydatisGreedy(), seed=1, requests_bind=False) for _ in range(2))
    np.testing.assert_array_equal(first, again)


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
