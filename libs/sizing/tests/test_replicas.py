import numpy as np
import pytest
from hydatis_sizing.replicas import greatest_by_group, sufficient_by_group


def test_memory_is_by_the_greatest_replica() -> None:
    values = np.array([1.0, 3.0, np.nan, np.nan, 9.0])
    found = greatest_by_group(values, np.array([0, 0, 0, 1, -1]), 3)
    assert found == pytest.approx([3.0, np.nan, np.nan], nan_ok=True)


def test_days_are_kept_apart() -> None:
    values = np.array([[1.0, np.nan], [np.nan, 2.0]])
    assert greatest_by_group(values, np.array([0, 0]), 1).tolist() == [[1.0, 2.0]]


def test_of_few_replicas_the_hardest_working_decides() -> None:
    needs = np.arange(1.0, 20.0)
    assert sufficient_by_group(needs, np.ones(19), np.zeros(19, dtype=np.intp), 1).tolist() == [19.0]


def test_of_many_the_one_that_went_astray_does_not() -> None:
    needs = np.concatenate([np.ones(99), [50.0]])
    assert sufficient_by_group(needs, np.ones(100), np.zeros(100, dtype=np.intp), 1).tolist() == [1.0]


def test_replicas_count_by_how_long_they_were_seen_and_groups_do_not_mix() -> None:
    needs = np.array([1.0, 7.0, 2.0, np.nan, np.inf])
    weights = np.array([1000.0, 1.0, 5.0, 5.0, 5.0])
    found = sufficient_by_group(needs, weights, np.array([2, 2, 0, 0, 1]), 4)
    assert found == pytest.approx([2.0, np.inf, 1.0, np.nan], nan_ok=True)
