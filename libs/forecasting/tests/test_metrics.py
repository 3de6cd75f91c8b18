"""Golden numbers: each recomputed by hand."""

import numpy as np
import pytest
from hydatis_forecasting import metrics

NAN = float("nan")
ACTUAL = [1.0, 2.0, 3.0, 4.0]
FORECAST = [1.5, 2.0, 2.0, 5.0]


def test_pinball_loss_weighs_what_was_under_predicted_by_the_quantile() -> None:
    # errors y - f: -0.5, 0, 1, -1 -> 0.05 * 0.5 + 0 + 0.95 * 1 + 0.05 * 1 = 1.025 over 4
    assert metrics.pinball_loss(ACTUAL, FORECAST, 0.95) == pytest.approx(0.25625)
    assert metrics.pinball_loss(ACTUAL, FORECAST, 0.5) == pytest.approx(2.5 / 4 / 2)


def test_coverage_counts_what_stayed_at_or_below() -> None:
    assert metrics.coverage(ACTUAL, FORECAST) == 0.75
    assert metrics.under_prediction_rate(ACTUAL, FORECAST) == 0.25
    assert metrics.under_prediction_rate(ACTUAL, FORECAST, tolerance=1.0) == 0.0


def test_accuracy_is_one_less_wape() -> None:
    assert metrics.accuracy(ACTUAL, FORECAST) == pytest.approx(1 - 2.5 / 10)
    assert metrics.accuracy([1.0], [5.0]) == -3.0
    assert metrics.mean_absolute_error(ACTUAL, FORECAST) == pytest.approx(0.625)


def test_mase_is_one_for_persistence_itself() -> None:
    persistence = [0.0, 1.0, 2.0, 3.0]
    assert metrics.mase(ACTUAL, persistence, persistence) == 1.0
    assert metrics.mase(ACTUAL, FORECAST, persistence) == pytest.approx(2.5 / 4)


def test_unknown_pairs_do_not_count() -> None:
    assert metrics.accuracy([*ACTUAL, NAN, 9.0], [*FORECAST, 1.0, NAN]) == pytest.approx(0.75)
    assert metrics.mase([1.0, 2.0], [1.0, 1.0], [0.0, NAN]) == 0.0


def test_where_nothing_can_be_said_nothing_is_said() -> None:
    assert np.isnan(metrics.pinball_loss([], [], 0.5))
    assert np.isnan(metrics.coverage([NAN], [1.0]))
    assert np.isnan(metrics.under_prediction_rate([NAN], [1.0]))
    assert np.isnan(metrics.mean_absolute_error([], []))
    assert np.isnan(metrics.accuracy([0.0, 0.0], [1.0, 1.0]))
    assert np.isnan(metrics.mase([1.0], [2.0], [1.0]))
