import math

import numpy as np
import pytest
from hydatis_core.errors import WrongShape
from hydatis_features.column_sketch import count_in_bins, sketch_column
from hydatis_features.drift_distances import index_without_drift, jensen_shannon_divergence, population_stability_index


def test_the_index_of_a_textbook_case() -> None:
    # Large counts, so that the half in each bin does not show: shares .5 .5 against .25 .75.
    index = population_stability_index(np.array([500_000, 500_000]), np.array([250_000, 750_000]))
    assert index == pytest.approx(0.25 * math.log(2) + 0.25 * math.log(1.5), abs=1e-5)


def test_the_same_counts_do_not_differ() -> None:
    counts = np.array([3, 5, 0, 9])
    assert population_stability_index(counts, counts) == 0
    assert jensen_shannon_divergence(counts, 7 * counts) == pytest.approx(0, abs=1e-15)


def test_both_are_symmetric() -> None:
    one, other = np.array([10, 20, 70]), np.array([30, 30, 40])
    assert population_stability_index(one, other) == pytest.approx(population_stability_index(other, one))
    assert jensen_shannon_divergence(one, other) == pytest.approx(jensen_shannon_divergence(other, one))


def test_distributions_with_nothing_in_common_are_one_bit_apart() -> None:
    assert jensen_shannon_divergence(np.array([10, 0]), np.array([0, 99])) == 1


def test_the_divergence_of_a_known_case() -> None:
    # (0.5 log2(.5/.75) + .5 log2(.5/.25) + log2(1/.75)) / 2 = 0.3112781...
    assert jensen_shannon_divergence(np.array([1, 1]), np.array([2, 0])) == pytest.approx(0.3112781244591328)


def test_an_empty_bin_leaves_the_index_finite() -> None:
    assert math.isfinite(population_stability_index(np.array([0, 100]), np.array([100, 0])))


def test_nothing_is_as_far_as_unknown() -> None:
    for distance in (population_stability_index, jensen_shannon_divergence):
        assert math.isnan(distance(np.array([0, 0]), np.array([1, 2])))


def test_other_bins_are_refused() -> None:
    with pytest.raises(WrongShape):
        population_stability_index(np.array([1, 2]), np.array([1, 2, 3]))


def test_a_shift_is_seen_and_a_column_that_goes_unknown_too() -> None:
    draws = np.random.default_rng(3)
    sketch = sketch_column(draws.normal(size=20_000))

    def index(window: np.ndarray) -> float:
        return population_stability_index(sketch.counts, count_in_bins(sketch.edges, window))

    same, shifted = draws.normal(size=5_000), draws.normal(loc=0.5, size=5_000)
    assert index(same) < 0.02
    assert index(shifted) > 0.2
    assert index(np.where(draws.random(5_000) < 0.3, np.nan, same)) > 0.25


def test_the_index_of_small_samples_of_one_distribution_is_what_is_said_of_it() -> None:
    draws = np.random.default_rng(5)
    indices, said = [], []
    for _ in range(200):
        sketch = sketch_column(draws.normal(size=400), bins_count=10)
        counts = count_in_bins(sketch.edges, draws.normal(size=300))
        indices.append(population_stability_index(sketch.counts, counts))
        said.append(index_without_drift(sketch.counts, counts))
    assert said[0] == pytest.approx(9 * (1 / 400 + 1 / 300))
    assert np.mean(indices) == pytest.approx(np.mean(said), rel=0.1)
    assert math.isnan(index_without_drift(np.array([0, 0]), np.array([1, 2])))
