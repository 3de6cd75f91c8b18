"""The scale of risk."""

import numpy as np
import pytest
from hydatis_anomaly.risk_map import RiskMap
from hydatis_core.errors import InvalidValue


def test_knots_stand_at_the_stated_risks() -> None:
    scores = np.linspace(0.3, 0.6, 1001)
    mapped = RiskMap.of_training(scores)
    asked = np.array([0.0, *np.quantile(scores, [0.5, 0.9, 0.99, 0.999]), 1.0])
    assert mapped.risk(asked).tolist() == pytest.approx([0.0, 0.1, 0.25, 0.5, 0.75, 1.0], abs=1e-4)


def test_it_rises_everywhere_even_when_all_training_scores_are_equal() -> None:
    for scores in (np.full(100, 0.5), np.random.default_rng(0).uniform(0.3, 0.7, 500)):
        risk = RiskMap.of_training(scores).risk(np.linspace(0.01, 0.99, 200)).astype(np.float64)
        assert (np.diff(risk) > 0).all()
        assert risk.min() >= 0
        assert risk.max() <= 1


def test_unknown_stays_unknown() -> None:
    assert np.isnan(RiskMap((0.4, 0.5, 0.6, 0.7)).risk(np.array([np.nan]))).all()


@pytest.mark.parametrize("knots", [(0.4, 0.5, 0.6), (0.5, 0.4, 0.6, 0.7), (0.4, 0.5, 0.6, 1.0), (0.4, 0.5, 0.6, float("nan"))])
def test_knots_that_do_not_rise_are_refused(knots: tuple) -> None:
    with pytest.raises(InvalidValue):
        RiskMap(knots)
    with pytest.raises(InvalidValue):
        RiskMap.of_training(np.zeros(0))
