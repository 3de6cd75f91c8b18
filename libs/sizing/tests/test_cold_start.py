import numpy as np
import pytest
from hydatis_sizing.cold_start import class_of, ratios_by_class
from hydatis_sizing.recommendation import Amounts

SMALL, LARGE = Amounts(0.5, 2.0**29), Amounts(8.0, 2.0**34)


def test_the_narrowest_class_with_members_speaks() -> None:
    classes = [class_of("shop", SMALL)] * 6 + [class_of("web", SMALL)] * 2 + [class_of("web", LARGE)]
    ratios = np.array([[0.1, 0.1, 0.1, 0.1, 0.2, np.nan, 0.6, np.nan, np.nan], [0.5] * 9])
    wanted = np.array([False] * 5 + [True] + [False] + [True, True])
    found = ratios_by_class(ratios, classes, wanted)
    assert found[0, 5] == 0.2  # its namespace and size: nine in ten of five are all of them
    assert found[0, 7] == 0.6  # of its namespace and size there is one; of its size there are six
    assert found[0, 8] == 0.6  # nobody is as large: all
    assert np.isnan(found[0, :5]).all()


def test_without_enough_members_nothing_is_said() -> None:
    classes = [class_of("shop", SMALL)] * 5
    found = ratios_by_class(np.full((2, 5), 0.3), classes, np.array([False] * 4 + [True]))
    assert np.isnan(found).all()


def test_what_is_hidden_or_unknown_is_no_member() -> None:
    classes = [class_of("shop", SMALL)] * 7
    ratios = np.array([[np.inf, np.nan, 0.1, 0.1, 0.1, 0.1, 0.0], [0.1] * 7])
    wanted = np.array([False] * 6 + [True])
    found = ratios_by_class(ratios, classes, wanted)
    assert np.isnan(found[0, 6])
    assert found[1, 6] == pytest.approx(0.1)


def test_a_container_without_requests_has_a_class_too() -> None:
    assert class_of("shop", Amounts(float("nan"), float("nan")))[1] == "*|cpu=none|memory=none"
