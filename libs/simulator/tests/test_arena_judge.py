"""Outcomes of a placement, against numbers added by hand."""

import numpy as np
import pytest
from hydatis_simulator.arena.judge import judge, node_use
from hydatis_simulator.arena.seen import UNPLACED


def nodes_of(count, cores=10.0, memory_bytes=100.0):
    return np.array([[cores] * count, [memory_bytes] * count])


# four steps judged; nodes of 10 cores and 100 bytes
CPU = [[0, 0, 0, 0, 5.0, 5.0, 5.0, 5.0], [0, 0, 0, 0, 4.5, 3.0, 6.0, 3.5], [0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0]]
MEMORY = [[0] * 8, [0, 0, 0, 0, 96.0, 0.0, 120.0, 110.0], [0] * 8]


def test_figures_are_those_added_by_hand(fleet_of):
    fleet = fleet_of(CPU, MEMORY)
    found = judge(fleet, np.array([0, 0, 2], dtype=np.int32), nodes_of(4))
    # node 0: CPU 0.95 0.8 1.1 0.85; memory 0.96 0 1.2 1.1; node 2: CPU 0.1; nodes 1 and 3 are empty and count for nothing
    assert found.nodes_used_count == 2
    assert found.cpu_violation_ratio == 2 / 8
    assert found.memory_violation_ratio == 3 / 8
    assert found.violation_ratio == 3 / 8
    assert found.worst_node_violation_ratio == 3 / 4
    assert found.severity_ratio == pytest.approx((0.05 + 0.25 + 0.15) / 8)
    assert found.throttled_core_seconds == pytest.approx(1.0 * 600)
    assert found.out_of_memory_count == 1, "it rises above allocatable once and stays"
    assert found.hot_node_minutes == pytest.approx(2 * 10), "0.8 is not above 0.8; 1.1 and 0.85 are two in a row"
    assert found.cpu_mean_ratio == pytest.approx((0.95 + 0.8 + 1.1 + 0.85 + 0.4) / 8)
    assert found.cpu_max_ratio == pytest.approx(1.1)
    assert found.memory_max_ratio == pytest.approx(1.2)
    # 10 x CPU above 0.9 + 20 x memory above 0.95, over four nodes
    assert found.outcome_cost == pytest.approx((10 * (0.05 + 0.2) + 20 * (0.01 + 0.25 + 0.15)) / 16, rel=1e-4)


def test_a_single_hot_sample_is_no_hot_spot(fleet_of):
    fleet = fleet_of([[0, 0, 0, 0, 9.9, 1.0, 9.9, 1.0]])
    assert judge(fleet, np.zeros(1, dtype=np.int32), nodes_of(1)).hot_node_minutes == 0.0


def test_nothing_placed_is_judged_too(fleet_of):
    found = judge(fleet_of(CPU), np.full(3, UNPLACED, dtype=np.int32), nodes_of(2))
    assert (found.unplaced_count, found.nodes_used_count, found.violation_ratio) == (3, 0, 0.0)


def test_use_of_nodes_is_the_sum_of_their_pods(random_fleet):
    fleet = random_fleet(30)
    node_of = np.random.default_rng(1).integers(-1, 4, 30).astype(np.int32)
    use = node_use(fleet, node_of, 5)
    for node in range(5):
        assert np.allclose(use[:, node], fleet.judged[:, node_of == node].sum(axis=1), rtol=1e-5)


def test_one_node_has_no_imbalance(random_fleet):
    assert judge(random_fleet(5), np.zeros(5, dtype=np.int32), nodes_of(1)).cpu_imbalance_ratio == 0.0
