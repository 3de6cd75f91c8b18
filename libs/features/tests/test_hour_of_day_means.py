"""The shape of a workload's day."""

import numpy as np
import pytest
from hydatis_features.hour_of_day_means import HourOfDayMeans

HOUR, DAY = 3600.0, 86400.0
ROW = np.array([0], dtype=np.intp)


def test_factors_have_mean_one_over_the_known_hours():
    means = HourOfDayMeans(DAY)
    means.add(ROW, np.array([0.2]), 3 * HOUR)
    means.add(ROW, np.array([0.6]), 14 * HOUR)
    factors = means.factors(ROW)[0]
    assert factors[3] == pytest.approx(0.5)
    assert factors[14] == pytest.approx(1.5)
    assert np.isnan(factors).sum() == 22


def test_yesterdays_hour_counts_half_against_todays():
    means = HourOfDayMeans(DAY)
    for day, share in ((0, 0.3), (1, 0.6)):
        means.add(ROW, np.array([share]), day * DAY + 5 * HOUR)
        means.add(ROW, np.array([1.0]), day * DAY + 6 * HOUR)
    factors = means.factors(ROW)[0]
    assert factors[5] / factors[6] == pytest.approx((0.5 * 0.3 + 0.6) / 1.5)


def test_unknown_samples_unknown_rows_and_constant_zero_say_nothing():
    means = HourOfDayMeans(DAY)
    means.add(np.array([-1, 1, 2], dtype=np.intp), np.array([0.5, np.nan, 0.0]), 0.0)
    assert np.isnan(means.factors(np.array([0, 1, 2, 500], dtype=np.intp))).all()


def test_a_dropped_row_is_forgotten():
    means = HourOfDayMeans(DAY)
    means.add(ROW, np.array([0.5]), 0.0)
    means.drop(np.array([0, 99999], dtype=np.intp))
    assert np.isnan(means.factors(ROW)).all()
