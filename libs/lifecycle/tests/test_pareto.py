import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_lifecycle.pareto import pareto_front


def test_rows_that_nothing_dominates_are_the_front():
    score_and_cost = [[0.1, 10.0], [0.2, 12.0], [0.15, 13.0], [0.2, 11.0], [0.05, 9.0]]
    assert pareto_front(score_and_cost, (True, False)).tolist() == [0, 3, 4]


def test_equal_rows_are_both_on_the_front():
    assert pareto_front([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]], (True, True)).tolist() == [0, 1]


def test_a_row_with_an_unknown_figure_is_on_no_front_and_dominates_nobody():
    assert pareto_front([[9.0, np.nan], [1.0, 1.0]], (True, True)).tolist() == [1]


def test_the_front_of_many_rows_is_what_pairwise_comparison_says():
    rows = np.random.default_rng(3).integers(0, 6, (60, 3)).astype(float)
    by_hand = [i for i, a in enumerate(rows) if not any(np.all(b >= a) and np.any(b > a) for b in rows)]
    assert pareto_front(rows, (True, True, True)).tolist() == by_hand


def test_no_rows_have_no_front():
    assert pareto_front(np.zeros((0, 2)), (True, False)).tolist() == []


def test_directions_must_fit_the_columns():
    with pytest.raises(WrongShape, match="rows, 2"):
        pareto_front([[1.0, 2.0, 3.0]], (True, True))
    with pytest.raises(InvalidValue, match="no figure"):
        pareto_front([[]], ())
