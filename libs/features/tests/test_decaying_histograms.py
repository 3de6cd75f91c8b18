"""Histograms that forget: exact to a bucket, half the weight after a half-life, any number of keys."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_features.decaying_histograms import BUCKET_COUNT, FIRST_BOUND, GROWTH, HistogramBank, bucket_of
from hydatis_features.use_law import TAIL_WEIGHTS, effective_uses
from hypothesis import given
from hypothesis import strategies as st

DAY = 86400.0


def _rows(*rows):
    return np.array(rows, dtype=np.intp)


def _filled(values, times=None, dtype=np.float32):
    bank = HistogramBank(DAY, 10, dtype)
    row = bank.row_of("a")
    for i, value in enumerate(values):
        bank.add(_rows(row), np.array([[value, np.nan]]), 0.0 if times is None else times[i])
    return bank


def test_bucket_bounds_are_where_they_are_said_to_be():
    edges = np.array([0.0, FIRST_BOUND * 0.999, FIRST_BOUND * 1.0001, FIRST_BOUND * GROWTH * 1.0001, 1e30])
    assert bucket_of(edges).tolist() == [0, 0, 1, 2, BUCKET_COUNT - 1]


@given(st.lists(st.floats(0.01, 500.0), min_size=1, max_size=60))
def test_quantiles_are_within_a_bucket_of_the_sorted_sample(values):
    bank = _filled(values)
    found = bank.quantiles(_rows(0), (0.5, 0.95))[0, 0]
    for share, quantile in zip((0.5, 0.95), found, strict=True):
        # The order statistic whose cumulative share first reaches the target.
        exact = np.sort(values)[max(int(np.ceil(share * len(values) - 1e-9)) - 1, 0)]
        assert exact / GROWTH * 0.999 <= quantile <= exact * GROWTH * 1.001
    assert found[0] <= found[1]


def test_a_resource_never_measured_has_no_quantile():
    assert np.isnan(_filled([0.5]).quantiles(_rows(0), (0.5,))[0, 1, 0])


def test_a_sample_weighs_half_after_a_half_life():
    bank = _filled([0.5])
    assert bank.weights(_rows(0), 0.0)[0, 0] == 1.0
    assert bank.weights(_rows(0), DAY)[0, 0] == pytest.approx(0.5)


def test_the_law_of_one_sample_is_its_bucket_s_midpoint_at_every_tail_weight_and_of_none_unknown():
    law = _filled([0.5]).effective_uses(_rows(0))
    low = FIRST_BOUND * GROWTH ** np.floor(np.log(0.5 / FIRST_BOUND) / np.log(GROWTH))
    np.testing.assert_allclose(law[0, 0], np.full(TAIL_WEIGHTS.size, low * (1 + GROWTH) / 2), rtol=1e-6)
    assert np.isnan(law[0, 1]).all()


def test_the_law_of_many_samples_is_theirs_to_half_a_bucket_however_old_they_are():
    values = np.random.default_rng(3).gamma(0.5, 0.2, 400) + FIRST_BOUND
    low, high = (effective_uses(values * factor, np.ones(400)) for factor in (0.96, 1.04))
    for days in (0, 200):
        law = _filled(values, [days * DAY] * 400).effective_uses(_rows(0))[0, 0]
        assert ((low < law) & (law < high)).all()


def test_what_is_new_outweighs_what_is_old():
    bank = _filled([1.0] * 30 + [4.0] * 20, [0.0] * 30 + [2 * DAY] * 20)
    assert bank.quantiles(_rows(0), (0.5,))[0, 0, 0] == pytest.approx(4.0, rel=GROWTH - 1)


@pytest.mark.parametrize("days", [40, 60, 400, 5000])
def test_weights_stay_finite_however_long_it_runs(days):
    bank = _filled([1.0, 4.0], [0.0, days * DAY])
    assert bank.weights(_rows(0), days * DAY)[0, 0] == pytest.approx(1.0)
    assert bank.quantiles(_rows(0), (0.5,))[0, 0, 0] == pytest.approx(4.0, rel=GROWTH - 1)


def test_rows_may_repeat_and_rows_of_nobody_are_left_out():
    bank = HistogramBank(DAY, 10)
    row = bank.row_of("a")
    touched = bank.add(_rows(row, -1, row), np.full((3, 2), 0.5), 0.0)
    assert touched.tolist() == [row]
    assert bank.weights(_rows(row), 0.0).tolist() == [[2.0, 2.0]]


def test_a_full_bank_takes_no_more_keys_until_one_is_dropped():
    bank = HistogramBank(DAY, 2)
    assert [bank.row_of(key) for key in ("a", "b", "c", "", "a")] == [0, 1, -1, -1, 0]
    bank.add(_rows(0), np.array([[0.5, 0.5]]), 0.0)
    assert bank.drop(_rows(0)) == ["a"]
    assert bank.row_of("c") == 0
    assert bank.weights(_rows(0), 0.0).tolist() == [[0.0, 0.0]]


def test_a_restored_bank_is_the_same():
    bank = _filled([0.1, 0.2, 3.0], [0.0, 50 * DAY, 51 * DAY])
    again = HistogramBank(DAY, 10)
    again.restore(bank.keys, {name: array.copy() for name, array in bank.arrays().items()})
    for one in (bank, again):
        one.add(_rows(0, one.row_of("b")), np.array([[0.7, 0.1], [1.0, 1.0]]), 52 * DAY)
    assert np.array_equal(bank.quantiles(_rows(0, 1), (0.5, 0.95)), again.quantiles(_rows(0, 1), (0.5, 0.95)), equal_nan=True)


def test_arrays_of_another_number_of_keys_are_refused():
    bank = _filled([0.1])
    with pytest.raises(InvalidValue):
        HistogramBank(DAY, 10).restore(["a", "b"], bank.arrays())
