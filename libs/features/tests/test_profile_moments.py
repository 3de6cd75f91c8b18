"""Log moments of histories."""

import numpy as np
import pytest
from hydatis_core.errors import WrongShape
from hydatis_features.profile_moments import log_moments


def test_golden_numbers() -> None:
    shares = np.array([[0.0, 1.0], [0.5, 0.5]], dtype=np.float32)
    moments = log_moments(shares, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(moments[:, 0], [0.0, np.log((1 + np.e) / 2), np.log((1 + np.exp(2)) / 2)], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(moments[:, 1], [0.0, 0.5, 1.0], rtol=1e-6)


def test_moments_of_independent_uses_add_up() -> None:
    scales = np.array([3.0])
    first, second = np.array([0.1, 0.4]), np.array([0.0, 0.2, 0.9])
    both = (first[:, None] + second[None]).ravel()
    together = log_moments(both, scales)
    np.testing.assert_allclose(together, log_moments(first, scales) + log_moments(second, scales), rtol=1e-6)


def test_what_was_not_measured_does_not_count_and_nothing_known_is_unknown() -> None:
    shares = np.array([[np.nan, 0.5, np.nan], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(log_moments(shares, np.array([4.0])), [[2.0, np.nan]])


def test_absurd_use_stays_finite() -> None:
    assert log_moments(np.array([0.0, 1e9]), np.array([36.0]))[0] == pytest.approx(60.0 - np.log(2))


def test_a_history_without_samples_is_refused() -> None:
    with pytest.raises(WrongShape, match="samples last"):
        log_moments(np.empty((2, 0)), np.array([1.0]))
