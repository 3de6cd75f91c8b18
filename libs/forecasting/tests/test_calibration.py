"""Conformal offsets by the stated formula."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_forecasting.calibration import conformal_offset, p95_offsets


def test_the_offset_is_the_kth_smallest_residual() -> None:
    # n = 19, q = 0.95: k = ceil(20 * 0.95) = 19, the largest
    actual = np.arange(19, dtype=np.float32)[::-1].copy()
    assert conformal_offset(actual, np.zeros(19, dtype=np.float32), 0.95) == 18.0


def test_a_forecast_that_was_too_high_is_lowered() -> None:
    assert conformal_offset(np.zeros(40, dtype=np.float32), np.ones(40, dtype=np.float32), 0.95) == -1.0


def test_unknown_pairs_do_not_count() -> None:
    actual = np.array([np.nan, *range(19)], dtype=np.float32)
    assert conformal_offset(actual, np.zeros(20, dtype=np.float32), 0.95) == 18.0


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InvalidValue, match="18 rows are too few"):
        conformal_offset(np.zeros(18, dtype=np.float32), np.zeros(18, dtype=np.float32), 0.95)


def test_on_rows_like_those_it_was_measured_on_it_covers_what_it_claims() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(200):
        held_out, fresh = rng.exponential(size=(2, 200)).astype(np.float32)
        covered.append(np.mean(fresh <= conformal_offset(held_out, np.zeros(200, dtype=np.float32), 0.95)))
    assert np.mean(covered) == pytest.approx(191 / 201, abs=0.004)  # k / (n + 1)


def test_only_p95_columns_are_moved() -> None:
    offsets = p95_offsets(np.ones((40, 12)))
    assert offsets.tolist() == [0.0, 1.0] * 6
    with pytest.raises(WrongShape):
        p95_offsets(np.ones((40, 6)))
