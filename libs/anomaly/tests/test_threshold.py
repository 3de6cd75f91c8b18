"""The threshold at a stated false-alarm rate."""

import numpy as np
import pytest
from hydatis_anomaly.threshold import calibrate_threshold
from hydatis_core.errors import InvalidValue


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("digits", [6, 1])
def test_no_more_than_the_stated_share_is_flagged_even_with_ties(rate: float, digits: int) -> None:
    risk = np.random.default_rng(3).uniform(0, 0.9, 1000).round(digits).astype(np.float32)
    threshold = calibrate_threshold(risk, rate)
    assert np.mean(risk >= threshold) <= rate
    if digits == 6:
        assert np.mean(risk >= threshold) == pytest.approx(rate, abs=0.001)


def test_unknown_risks_do_not_count() -> None:
    risk = np.linspace(0, 0.9, 100, dtype=np.float32)
    assert calibrate_threshold(np.append(risk, np.float32(np.nan)), 0.1) == calibrate_threshold(risk, 0.1)


def test_a_rate_that_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InvalidValue, match="99 risks are too few"):
        calibrate_threshold(np.zeros(99, dtype=np.float32), 0.01)
    with pytest.raises(InvalidValue):
        calibrate_threshold(np.zeros(99, dtype=np.float32), 1.0)
