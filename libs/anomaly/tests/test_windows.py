"""Causal windows over a plain record."""

import numpy as np
import pytest
from hydatis_anomaly.windows import VIEWS, Windows
from hydatis_core.errors import InvalidValue, WrongShape

RECORD = np.random.default_rng(5).normal(10, 2, (300, 2)).astype(np.float32)


def test_views_are_what_they_say_by_hand() -> None:
    windows = Windows(("a",), np.zeros(1), np.ones(1), window_rows=2)
    e = np.e - 1
    level, mean, change, spread = windows.rows(np.array([[0.0], [e], [e], [-e]]))[:, : len(VIEWS)].T
    np.testing.assert_allclose(level, [0, 1, 1, -1], atol=1e-6)
    np.testing.assert_allclose(mean, [0, 0.5, 1, 0], atol=1e-6)
    np.testing.assert_allclose(change, [0, 1, 0.5, -2], atol=1e-6)
    np.testing.assert_allclose(spread, np.log1p([0, 0.5, 0, 1]), atol=1e-6)


def test_a_row_hangs_on_rows_before_it_alone() -> None:
    windows = Windows.of_training(RECORD, ("a", "b"))
    other = RECORD.copy()
    other[200:] = 99.0
    assert windows.rows(RECORD)[:200].tobytes() == windows.rows(other)[:200].tobytes()


def test_a_record_can_be_continued_from_two_windows_before() -> None:
    windows = Windows.of_training(RECORD, ("a", "b"))
    whole = windows.rows(RECORD)
    np.testing.assert_allclose(windows.rows(RECORD[100:])[30:], whole[130:], atol=1e-5)


def test_unknown_values_are_left_out_of_windows() -> None:
    windows = Windows(("a",), np.zeros(1), np.ones(1), window_rows=2)
    level, mean, _, _ = windows.rows(np.array([[1.0], [np.nan], [np.nan], [1.0]])).T
    assert np.isnan(level).tolist() == [False, True, True, False]
    assert np.isnan(mean).tolist() == [False, False, True, False]


def test_constant_metrics_have_a_scale() -> None:
    windows = Windows.of_training(np.full((50, 1), 0.5, dtype=np.float32), ("a",))
    assert np.isfinite(windows.rows(np.array([[0.5], [0.6]]))).all()


@pytest.mark.parametrize(
    ("values", "error"),
    [(np.zeros((3, 2)), InvalidValue), (np.zeros((50, 3)), WrongShape), (np.full((50, 2), np.nan), InvalidValue)],
)
def test_what_is_too_short_misshapen_or_unknown_is_refused(values: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        Windows.of_training(values, ("a", "b"))
