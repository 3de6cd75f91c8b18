"""Golden numbers, and agreement with scikit-learn."""

import numpy as np
import pytest
from hydatis_anomaly.metrics import area_under_precision_recall, area_under_roc, base_rate, event_figures
from hydatis_core.errors import WrongShape
from sklearn.metrics import average_precision_score, roc_auc_score

TRUTH = [1, 0, 1, 0]
RISK = [0.9, 0.8, 0.7, 0.1]


def test_areas_by_hand() -> None:
    # precision 1 at recall 1/2, 2/3 at recall 1
    assert area_under_precision_recall(TRUTH, RISK) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # of 4 pairs, 3 are in order
    assert area_under_roc(TRUTH, RISK) == 0.75
    assert base_rate(TRUTH) == 0.5


@pytest.mark.parametrize("digits", [8, 1])
def test_areas_equal_those_of_scikit_learn(digits: int) -> None:
    rng = np.random.default_rng(4)
    truth = rng.random(800) < 0.1
    risk = (rng.random(800) + 0.3 * truth).round(digits)
    assert area_under_precision_recall(truth, risk) == pytest.approx(average_precision_score(truth, risk))
    assert area_under_roc(truth, risk) == pytest.approx(roc_auc_score(truth, risk))


def test_a_score_that_says_nothing_reaches_the_base_rate() -> None:
    assert area_under_precision_recall(TRUTH, [0.3] * 4) == base_rate(TRUTH)
    assert area_under_roc(TRUTH, [0.3] * 4) == 0.5


def test_unknown_risks_do_not_count() -> None:
    assert area_under_roc([*TRUTH, 1], [*RISK, np.nan]) == 0.75
    assert area_under_precision_recall([*TRUTH, 1], [*RISK, np.nan]) == pytest.approx(5 / 6)


def test_events_and_alarms_by_hand() -> None:
    truth = [0, 1, 1, 1, 0, 0, 1, 0, 0, 0]
    flags = [0, 0, 1, 0, 0, 1, 0, 0, 1, 1]
    figures = event_figures(truth, flags, tick_seconds=8640.0)  # ten ticks are a day
    assert (figures.event_count, figures.alarm_count) == (2, 3)
    assert figures.recall == 0.5
    assert figures.precision == pytest.approx(1 / 3)
    assert figures.false_alarms_per_day == pytest.approx(2.0)
    assert figures.mean_delay_seconds == 8640.0


def test_where_nothing_can_be_said_nothing_is_said() -> None:
    assert np.isnan(area_under_roc([0, 0], [0.1, 0.2]))
    assert np.isnan(area_under_precision_recall([0, 0], [0.1, 0.2]))
    assert np.isnan(base_rate([]))
    nothing = event_figures([0, 0], [0, 0], 60.0)
    assert np.isnan([nothing.recall, nothing.precision, nothing.mean_delay_seconds]).all()
    assert nothing.false_alarms_per_day == 0.0
    with pytest.raises(WrongShape):
        event_figures([0, 1], [0], 60.0)
    with pytest.raises(WrongShape):
        area_under_roc([0, 1], [0.1])
