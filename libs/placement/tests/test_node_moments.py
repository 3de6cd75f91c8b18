"""Placement by log moments: the law of a pod, the sums of a node, the bound, and after-states."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_placement.demand_law import SCALES, JumpLaw, demand_moments
from hydatis_placement.moment_state import MOMENT_COLUMNS, OBJECTIVE_COLUMN, moment_states, moment_values
from hydatis_placement.node_moments import NodeMoments, log_overload_bound

ROOM = np.array([10.0, 100.0])
NEVER = JumpLaw(0.0, 0.0)


def test_golden_numbers_of_a_pod() -> None:
    """10 of a tenth of the node is 1; a chance of 0.01 of 0.8 x half a node adds to it."""
    past = np.array([[1.0] * 12, [10.0] * 12])
    steady = demand_moments(past, np.array([5.0, 50.0]), ROOM, NEVER)
    np.testing.assert_allclose(steady, SCALES[:, None] * [0.1, 0.1], rtol=1e-6)
    hedged = demand_moments(past, np.array([5.0, 50.0]), ROOM)
    assert hedged[0, 1] == pytest.approx(np.log(0.99 * np.exp(1.0) + 0.01 * np.exp(10 * 0.8 * 0.5)), rel=1e-6)
    assert hedged[0, 0] == pytest.approx(np.log(0.999 * np.exp(1.0) + 0.001 * np.exp(10 * 0.8 * 0.5)), rel=1e-6)


def test_a_pod_without_a_past_counts_as_the_cold_law_says() -> None:
    """Half of the node asked for: 10 x 0.5 = 5 in the exponent of the largest share."""
    asked = np.array([5.0, 500.0])
    cold = demand_moments(np.empty((2, 0)), asked, ROOM, NEVER)
    assert cold[0, 0] == pytest.approx(np.log(0.5 * np.exp(0.1) + 0.3 * np.exp(0.5) + 0.15 * np.exp(1.5) + 0.05 * np.exp(5.0)))
    np.testing.assert_allclose(demand_moments(np.full((2, 11), 0.1), asked, ROOM, NEVER), cold)
    assert (cold < SCALES[:, None] * [0.5, 1.0]).all()


def test_a_bursty_pod_weighs_more_than_a_steady_one_of_the_same_mean() -> None:
    bursty = demand_moments(np.array([[0.0, 4.0] * 6, [0.0, 40.0] * 6]), np.array([5.0, 50.0]), ROOM, NEVER)
    steady = demand_moments(np.array([[2.0] * 12, [20.0] * 12]), np.array([5.0, 50.0]), ROOM, NEVER)
    assert (bursty > steady).all()


def test_the_bound_holds_for_what_it_bounds() -> None:
    """Two pods that use 0 or 0.6 of the node: both do, and pass it, a quarter of the time."""
    nodes = NodeMoments(2)
    pod = demand_moments(np.array([[0.0, 6.0] * 6, [0.0] * 12]), np.array([6.0, 0.0]), ROOM, NEVER)
    nodes.add(0, pod)
    nodes.add(0, pod)
    assert log_overload_bound(nodes.sums)[0] >= np.log(0.25)
    assert log_overload_bound(nodes.sums)[1] == pytest.approx(-40.0 + np.log(2))


def test_golden_bound() -> None:
    sums = np.zeros((3, 2, 1))
    sums[:, 0, 0] = [4.0, 16.0, 37.0]  # least of -6, -4, -3
    sums[:, 1, 0] = [2.0, 6.0, 20.0]  # least of -8, -14, -20
    np.testing.assert_allclose(log_overload_bound(sums), np.log(np.exp(-6) + np.exp(-20)))


def test_an_overloaded_node_never_gets_better_by_more_overload() -> None:
    sums = SCALES[:, None, None] * np.array([0.5, 0.9, 1.1, 2.0, 50.0])
    opened = np.zeros(5, dtype=bool)
    values = moment_values(np.repeat(sums, 2, axis=1), opened)
    assert (np.diff(log_overload_bound(np.repeat(sums, 2, axis=1))) > 0).all()
    assert (np.diff(values[:, 0]) < 0).all()


def test_what_is_added_can_be_removed() -> None:
    nodes = NodeMoments(3)
    pod = np.full((3, 2), 0.1)
    nodes.add(1, pod)
    np.testing.assert_allclose(nodes.after(pod)[:, :, 1], 0.2)
    nodes.remove(1, pod)
    nodes.remove(1, pod)
    assert not nodes.sums.any()


def test_bad_input_is_refused_in_one_sentence() -> None:
    with pytest.raises(InvalidValue, match="no share"):
        JumpLaw(cpu_chance=1.5)
    with pytest.raises(InvalidValue, match="0 nodes"):
        NodeMoments(0)
    with pytest.raises(WrongShape, match="moments of shape"):
        NodeMoments(2).after(np.zeros((3, 3)))
    with pytest.raises(WrongShape, match="past"):
        demand_moments(np.zeros(4), np.zeros(2), ROOM)


def test_an_after_state_has_its_columns_in_order() -> None:
    after = np.full((3, 2, 4), 1.0)
    requested = np.array([[0.1] * 4, [0.2] * 4])
    states = moment_states(after, requested, np.array([True, False, False, False]), 0.25)
    assert states.shape == (4, len(MOMENT_COLUMNS))
    assert states.dtype == np.float32
    by_name = dict(zip(MOMENT_COLUMNS, states[0].tolist(), strict=True))
    assert by_name["load_after_cpu_at_10"] == pytest.approx(0.1)
    assert by_name["cpu_requested_after_ratio"] == pytest.approx(0.1)
    assert by_name["memory_requested_after_ratio"] == pytest.approx(0.2)
    assert states[0, OBJECTIVE_COLUMN] == 0.25
    least = np.exp((1.0 - 40.0) / 6) * 2 ** (1 / 6)
    assert by_name["greedy_spread"] == pytest.approx(-least, rel=1e-5)
    assert by_name["greedy_pack"] == pytest.approx(0.1 - 1 - 3 * least, rel=1e-5)
    assert states[1, 1] == pytest.approx(0.1 - 3 * least, rel=1e-5)
