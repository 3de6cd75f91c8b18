"""Scores 0..10: properties over many random utilities, and golden values."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from hydatis_placement.scores import scores


def of(*utilities: float, epsilon: float = 0.0) -> list[int]:
    return scores(np.array(utilities, dtype=np.float32), epsilon=epsilon).tolist()


def test_golden_levels() -> None:
    assert of(0.0, 0.5, 1.0) == [0, 5, 10]
    assert of(*(i / 10 for i in range(11)), epsilon=1e-6) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert of(-5.0, -1.0, -0.99, epsilon=0.05) == [0, 10, 10]
    assert of(0.0, 0.89, 0.91, 1.0, epsilon=0.1) == [0, 9, 10, 10]


def test_equal_utilities_all_score_ten() -> None:
    assert of(3.0, 3.0, 3.0) == [10, 10, 10]
    assert of(7.0) == [10]
    assert of() == []


def test_all_within_epsilon_score_ten() -> None:
    assert of(1.0, 1.01, 1.02, epsilon=0.02) == [10, 10, 10]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_scores_ten_and_scores_never_fall_as_utilities_rise(seed: int) -> None:
    random = generator(seed, "test/scores")
    utilities = (random.standard_normal(300) * 10 ** random.uniform(-6, 6)).astype(np.float32)
    epsilon = float(random.uniform(0, 0.3) * np.ptp(utilities))
    levels = scores(utilities, epsilon=epsilon)
    order = np.argsort(utilities, kind="stable")
    assert levels.dtype == np.int64
    assert levels.min() >= 0
    assert levels.max() == 10
    assert (np.diff(levels[order]) >= 0).all()
    assert (levels[utilities >= np.float64(utilities.max()) - epsilon] == 10).all()
    assert (levels[utilities < np.float64(utilities.max()) - epsilon] < 10).all()
    assert levels[utilities.argmin()] == 0


def test_scores_do_not_depend_on_the_order_of_the_candidates() -> None:
    random = generator(1, "test/scores")
    utilities = random.standard_normal(100).astype(np.float32)
    order = random.permutation(100)
    np.testing.assert_array_equal(scores(utilities, epsilon=0.1)[order], scores(utilities[order], epsilon=0.1))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_utilities_that_are_not_finite_are_refused(wrong: float) -> None:
    with pytest.raises(InvalidValue):
        of(0.0, wrong, 1.0)


@pytest.mark.parametrize("epsilon", [-0.1, np.nan, np.inf])
def test_an_epsilon_that_is_no_distance_is_refused(epsilon: float) -> None:
    with pytest.raises(InvalidValue):
        of(0.0, 1.0, epsilon=epsilon)
