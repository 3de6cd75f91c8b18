import numpy as np
import pytest
from hydatis_pipelines.search.comparison import gain
from hydatis_pipelines.search.expected_improvement import expected_improvement, most_promising
from scipy.integrate import quad
from scipy.stats import norm


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0.3, 0.2, 0.5), (1.0, 0.5, 0.2), (-2.0, 0.7, 0.0), (0.1, 3.0, 0.1)])
def test_expected_improvement_is_the_mean_of_what_is_gained(mean, deviation, best):
    by_hand, _ = quad(lambda f: (f - best) * norm.pdf(f, mean, deviation), best, mean + 12 * deviation)
    assert expected_improvement(np.array([mean]), np.array([deviation]), best)[0] == pytest.approx(by_hand, abs=1e-7)


def test_nothing_is_expected_where_all_is_known():
    np.testing.assert_array_equal(expected_improvement(np.array([2.0, 0.0]), np.zeros(2), 1.0), [0.0, 0.0])


def test_the_next_point_is_where_a_smooth_score_rises():
    random = np.random.default_rng(2)
    tried = random.random((25, 2))
    scores = -((tried[:, 0] - 0.7) ** 2) - (tried[:, 1] - 0.2) ** 2
    chosen = most_promising(tried, scores, np.zeros((0, 2)), random=np.random.default_rng(1))
    assert np.abs(chosen - (0.7, 0.2)).max() < 0.1


def test_a_point_on_trial_elsewhere_is_not_tried_again():
    tried = np.array([[0.1, 0.1], [0.9, 0.2], [0.4, 0.9], [0.2, 0.6]])
    scores = np.array([0.0, 1.0, 0.3, 0.1])
    first = most_promising(tried, scores, np.zeros((0, 2)), random=np.random.default_rng(1))
    second = most_promising(tried, scores, first[None], random=np.random.default_rng(1))
    assert not np.allclose(first, second)


def test_scores_that_are_all_the_same_still_give_a_point():
    chosen = most_promising(np.random.default_rng(1).random((4, 3)), np.zeros(4), np.zeros((0, 3)), random=np.random.default_rng(1))
    assert ((chosen >= 0) & (chosen <= 1)).all()


def test_a_gain_is_the_mean_difference_and_seeds_are_no_windows():
    found = gain([[1.0, 3.0], [3.0, 5.0]], [[0.0, 0.0], [0.0, 0.0]])
    assert (found.value, found.low, found.high, found.windows_count) == (3.0, 2.0, 4.0, 2)
    assert found.clear


def test_equal_scores_gain_nothing():
    found = gain([[0.5, 0.1]], [[0.5, 0.1]])
    assert (found.value, found.low, found.high, found.clear) == (0.0, 0.0, 0.0, False)
