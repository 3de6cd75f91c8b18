"""Copies of machines, shifted by whole days."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_simulator.arena.day_shift import fleet_of_copies, held
from hydatis_simulator.generator import generate_trace

DAY = 288


@pytest.fixture(scope="module")
def trace():
    return generate_trace(3, 6, days=5)


def test_copies_are_the_same_series_days_apart(trace):
    fleet = fleet_of_copies(trace, pods_count=12, seed=1, history_days=1)
    assert fleet.usage.shape == (2, 12, 5 * DAY)
    machines = np.unique(fleet.workloads)
    assert np.bincount(fleet.workloads).tolist() == [12 // machines.size] * machines.size
    for machine in machines:
        first, second = fleet.usage[0, fleet.workloads == machine][:2]
        assert any(np.array_equal(first, np.roll(second, shift)) for shift in (DAY, -DAY))


def test_arrivals_take_a_day_after_the_history_and_the_rest_is_judged(trace):
    fleet = fleet_of_copies(trace, pods_count=12, seed=1, history_days=2)
    assert fleet.arrival_seconds[0] >= 2 * 86400
    assert fleet.arrival_seconds[-1] < 3 * 86400
    assert fleet.judged.shape == (2, 12, 2 * DAY)


def test_a_seed_gives_the_same_fleet_and_another_another(trace):
    one, same, other = (fleet_of_copies(trace, pods_count=9, seed=seed, history_days=1) for seed in (1, 1, 2))
    assert np.array_equal(one.usage, same.usage)
    assert np.array_equal(one.arrival_seconds, same.arrival_seconds)
    assert not np.array_equal(one.workloads, other.workloads)


def test_holes_are_held_and_never_zero():
    nan = np.nan
    assert held(np.array([nan, 2, nan, nan, 5, nan], dtype=np.float32)).tolist() == [2, 2, 2, 2, 5, 5]
    assert held(np.full(3, nan, dtype=np.float32)).tolist() == [0, 0, 0]


def test_too_few_days_and_too_many_copies_are_refused(trace):
    with pytest.raises(TraceRefused, match="5 whole days"):
        fleet_of_copies(trace, pods_count=6, seed=1, history_days=7)
    with pytest.raises(InvalidValue, match="machines"):
        fleet_of_copies(trace, pods_count=1000, seed=1, history_days=1)
