"""Effective uses: their limits, their sum over pods, and what a jump does to them."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_core import errors
from hydatis_features.use_law import COLD_LAW, ROOM_RATIOS, SCALES, TAIL_WEIGHTS, effective_uses, hedged, loads

ONCE_IN_TEN = effective_uses(np.array([0.1, 1.0]), np.array([9.0, 1.0]))


def test_a_steady_use_is_its_own_effective_use_at_every_tail_weight():
    np.testing.assert_allclose(effective_uses(np.array([0.3]), np.array([7.0])), np.full(TAIL_WEIGHTS.size, 0.3), rtol=1e-12)


def test_it_goes_from_the_mean_to_the_maximum():
    assert ONCE_IN_TEN[0] == pytest.approx(0.19)
    assert (np.diff(ONCE_IN_TEN) > 0).all()
    # ln(0.9 e^4 + 0.1 e^40) / 40
    assert ONCE_IN_TEN[-1] == pytest.approx(1.0 + np.log(0.1) / 40)


def test_what_was_never_seen_is_unknown():
    assert np.isnan(effective_uses(np.array([0.1, 0.2]), np.zeros((3, 2)))).all()


def test_values_and_weights_must_fit():
    with pytest.raises(errors.WrongShape, match="one weight per value"):
        effective_uses(np.array([0.1, 0.2]), np.ones(3))


LONG = np.full(2, 1e15)  # samples beside which the cold law does not count


def test_a_jump_lifts_the_tail_of_memory_and_hardly_the_mean():
    quiet = np.full((2, TAIL_WEIGHTS.size), 0.01)
    jumpy = hedged(quiet, LONG)
    assert jumpy[1, 0] == pytest.approx(0.01 * 0.99 + 0.008)
    assert jumpy[1, -1] == pytest.approx(np.log(0.99 * np.exp(0.4) + 0.01 * np.exp(32)) / 40)
    assert (jumpy[1, 1:] > jumpy[0, 1:]).all()


def test_a_short_past_counts_for_little():
    """12 quiet samples: half of the law is the cold one, 1 / 1000 of CPU then a jump."""
    quiet = np.full((2, TAIL_WEIGHTS.size), 0.01)
    young, week = hedged(quiet, np.full(2, 12.0)), hedged(quiet, np.full(2, 2016.0))
    assert young[0, 0] == pytest.approx(0.999 * (0.01 + COLD_LAW[0, 0]) / 2 + 0.0008)
    moment = 0.999 * (np.exp(0.4) + np.exp(40 * COLD_LAW[0, -1])) / 2 + 0.001 * np.exp(32)
    assert young[0, -1] == pytest.approx(np.log(moment) / 40)
    assert (hedged(quiet, LONG) < week).all()
    assert (week < young).all()


def test_the_hedge_of_what_is_unknown_is_unknown():
    law = hedged(np.stack([np.full(TAIL_WEIGHTS.size, np.nan), np.zeros(TAIL_WEIGHTS.size)]), np.array([0.0, 12.0]))
    assert np.isnan(law).all(axis=1).tolist() == [True, False]


def test_the_load_of_a_steady_pod_is_its_share_of_the_room():
    steady = np.full((1, 2, TAIL_WEIGHTS.size), 0.5)
    room = np.array([[16.0, 64e9]]) * ROOM_RATIOS
    got = loads(steady, np.array([[4.0, 8e9]]), room)
    np.testing.assert_allclose(got[0], np.repeat([[2 / 14.4], [4 / 60.8]], SCALES.size, axis=1), rtol=1e-12)


def test_a_load_stands_between_tail_weights_on_a_line_and_is_that_of_the_last_beyond_it():
    law = np.stack([TAIL_WEIGHTS, TAIL_WEIGHTS])[None] / 100
    # q = 0.25: s q = 2.5, 5, 10
    np.testing.assert_allclose(loads(law, np.full((1, 2), 1.0), np.full((1, 2), 4.0))[0, 0], 0.25 * np.array([0.025, 0.05, 0.1]))
    np.testing.assert_allclose(loads(law, np.full((1, 2), 8.0), np.full((1, 2), 4.0))[0, 0], [2 * 0.2, 2 * 0.4, 2 * 0.4])


def test_loads_of_many_independent_pods_bound_their_overload_and_the_sum_of_maxima_is_above_them():
    """40 pods that use a tenth of a core and once in ten a whole one, on 16 cores."""
    random = np.random.default_rng(5)
    use = np.where(random.random((40, 20_000)) < 0.1, 1.0, 0.1).sum(axis=0)
    law = np.tile(ONCE_IN_TEN, (40, 2, 1))
    sums = loads(law, np.ones((40, 2)), np.full((40, 2), 14.4))[:, 0].sum(axis=0)
    bound = np.exp((SCALES * (sums - 1)).min())
    assert (use > 14.4).mean() <= bound < 0.05
    assert sums.max() < 40 / 14.4


def test_the_cold_law_is_that_of_a_mostly_idle_workload_which_may_use_all_it_asks_for():
    assert COLD_LAW.shape == (2, TAIL_WEIGHTS.size)
    assert COLD_LAW[0, 0] == pytest.approx(0.135)
    assert 0.9 < COLD_LAW[0, -1] < 1.0
    assert (COLD_LAW.astype(np.float32) == COLD_LAW).all()  # as it comes over the wire
