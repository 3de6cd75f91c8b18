"""Isolation trees: equal to scikit-learn, and explained without remainder."""

import numpy as np
import pytest
from hydatis_anomaly.path_length import expected_path_length
from hydatis_anomaly.training import ForestParameters, grow, trees_of
from hydatis_anomaly.trees import LEAF, IsolationTrees
from hydatis_core.errors import InvalidValue, WrongShape
from sklearn.ensemble import IsolationForest


def stump(cut_value: float = 0.5) -> IsolationTrees:
    """One cut of input 1: a row alone on the right, seven on the left."""
    return IsolationTrees(
        np.array([[1, LEAF, LEAF]], dtype=np.int32),
        np.array([[cut_value, 0, 0]], dtype=np.float32),
        np.array([[8, 7, 1]], dtype=np.int32),
        input_count=2,
    )


def test_expected_path_lengths_are_those_of_the_paper() -> None:
    expected = [0.0, 0.0, 1.0, 2 * (np.log(2) + 0.5772156649) - 4 / 3, 2 * (np.log(255) + 0.5772156649) - 510 / 256]
    assert expected_path_length([0, 1, 2, 3, 256]).tolist() == pytest.approx(expected, abs=1e-9)


def test_a_stump_scores_as_by_hand() -> None:
    rows = np.array([[0.0, 0.9], [0.0, 0.5]], dtype=np.float32)
    alone, together = 1.0, 1.0 + float(expected_path_length(7))
    assert stump().mean_path_lengths(rows).tolist() == pytest.approx([alone, together])
    typical = float(expected_path_length(8))
    assert stump().scores(rows).tolist() == pytest.approx([2 ** (-alone / typical), 2 ** (-together / typical)])


def test_the_shortening_of_a_path_is_split_among_inputs_without_remainder(fleet: np.ndarray) -> None:
    trees = grow(fleet, seed=2, parameters=ForestParameters(tree_count=30))
    parts = trees.shortenings(fleet[:40])
    whole = float(expected_path_length(256)) - trees.mean_path_lengths(fleet[:40])
    np.testing.assert_allclose(parts.sum(axis=1), whole, atol=1e-9)
    assert stump().shortenings(np.array([[0.0, 0.9]], dtype=np.float32))[0].tolist() == pytest.approx(
        [0.0, float(expected_path_length(8)) - 1.0]
    )


@pytest.mark.parametrize(
    ("row_count", "input_count", "options"),
    [
        (3000, 90, {"n_estimators": 100, "max_samples": 256}),
        (500, 7, {"n_estimators": 20, "max_samples": 100}),
        (400, 12, {"n_estimators": 20, "max_samples": 64, "max_features": 0.5}),
        (3, 2, {"n_estimators": 5, "max_samples": 2}),
    ],
)
def test_scores_equal_those_of_scikit_learn(row_count: int, input_count: int, options: dict) -> None:
    rng = np.random.default_rng(row_count)
    rows = rng.normal(size=(row_count, input_count)).astype(np.float32)
    rows[:, 0] = rng.integers(0, 3, row_count)  # ties
    fitted = IsolationForest(random_state=0, **options).fit(rows)
    unseen = (3 * rng.normal(size=(300, input_count))).astype(np.float32)
    for asked in (rows[:500], unseen):
        np.testing.assert_allclose(trees_of(fitted, input_count).scores(asked), -fitted.score_samples(asked), rtol=0, atol=1e-6)


def test_inputs_that_never_vary_leave_trees_without_a_cut() -> None:
    rows = np.ones((50, 3), dtype=np.float32)
    fitted = IsolationForest(n_estimators=4, max_samples=16, random_state=0).fit(rows)
    np.testing.assert_allclose(trees_of(fitted, 3).scores(rows), -fitted.score_samples(rows), rtol=0, atol=1e-6)


def test_a_score_does_not_hang_on_the_rows_beside_it(fleet: np.ndarray) -> None:
    trees = grow(fleet, seed=2, parameters=ForestParameters(tree_count=10))
    assert trees.scores(fleet[:300])[200] == trees.scores(fleet[200:201])[0]
    assert trees.scores(fleet[:0]).shape == (0,)


def test_one_seed_gives_one_forest(fleet: np.ndarray) -> None:
    few = ForestParameters(tree_count=5)
    one, same, other = (grow(fleet, seed=seed, parameters=few).cut_values for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_unknown_and_misshapen_rows_are_refused() -> None:
    with pytest.raises(InvalidValue):
        stump().scores(np.array([[np.nan, 0.0]], dtype=np.float32))
    with pytest.raises(WrongShape):
        stump().scores(np.zeros((1, 3), dtype=np.float32))


@pytest.mark.parametrize(
    ("cut_inputs", "cut_values", "row_counts"),
    [
        ([[2, LEAF, LEAF]], [[0.5, 0, 0]], [[8, 7, 1]]),  # no such input
        ([[1, LEAF, 0]], [[0.5, 0, 0]], [[8, 7, 1]]),  # a cut at the deepest place
        ([[1, LEAF, LEAF]], [[np.nan, 0, 0]], [[8, 7, 1]]),
        ([[1, LEAF, LEAF]], [[0.5, 0, 0]], [[8, 8, 0]]),  # a leaf nobody reached
        ([[LEAF, 0, LEAF, LEAF, LEAF, LEAF, LEAF]], [[0.5] * 7], [[8] * 7]),  # a cut below a leaf
    ],
)
def test_arrays_that_are_no_trees_are_refused(cut_inputs: list, cut_values: list, row_counts: list) -> None:
    with pytest.raises(InvalidValue):
        IsolationTrees(
            np.array(cut_inputs, dtype=np.int32), np.array(cut_values, dtype=np.float32), np.array(row_counts, dtype=np.int32), 2
        )


def test_arrays_of_other_shapes_are_refused() -> None:
    four = np.zeros((1, 4))
    with pytest.raises(WrongShape):
        IsolationTrees(four.astype(np.int32), four.astype(np.float32), four.astype(np.int32), 2)
    three = np.full((1, 3), LEAF, dtype=np.int32)
    with pytest.raises(WrongShape):
        IsolationTrees(three, np.zeros((1, 3)), three, 2)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        ForestParameters(rows_per_tree=1)
