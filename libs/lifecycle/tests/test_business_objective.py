import dataclasses
import json
import math

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.business_objective import DEFAULT_PRICES, Outcome, Prices, business_roi_score

BASELINE = Outcome(node_hours=100.0, violation_ratio=0.01, availability_ratio=0.99)


def test_the_baseline_is_worth_nothing_to_itself():
    assert business_roi_score(BASELINE, BASELINE) == 0.0


def test_at_equal_violated_hours_the_score_is_the_saving():
    saved = Outcome(node_hours=80.0, violation_ratio=0.0125, availability_ratio=0.99)
    assert business_roi_score(saved, BASELINE) == pytest.approx(0.20)


def test_the_formula_worked_out_by_hand():
    # (100 - 70)/100 - 25 (0.02 x 70 - 0.01 x 100)/100 - 50 (0.012 - 0.01)
    worked = Outcome(node_hours=70.0, violation_ratio=0.02, availability_ratio=0.988)
    assert business_roi_score(worked, BASELINE) == pytest.approx(0.30 - 0.10 - 0.10)


def test_less_violation_than_the_baseline_earns():
    assert business_roi_score(dataclasses.replace(BASELINE, violation_ratio=0.0), BASELINE) == pytest.approx(0.25)


def test_leaving_pods_unplaced_saves_nothing():
    empty = Outcome(node_hours=50.0, violation_ratio=0.0, availability_ratio=0.5)
    assert business_roi_score(empty, BASELINE) < -20


def test_the_price_of_violation_makes_one_percent_the_cheapest():
    def bill(violation):
        nodes = 75.7 * (violation / 0.01) ** -0.2
        return nodes + DEFAULT_PRICES.violated_node_hour * violation * nodes

    assert bill(0.01) < min(bill(0.009), bill(0.011))


def test_accuracy_is_recorded_and_not_scored():
    known = dataclasses.replace(BASELINE, cpu_accuracy_ratio=0.9)
    assert business_roi_score(known, BASELINE) == 0.0
    assert json.loads(json.dumps(BASELINE.to_json(), allow_nan=False))["cpu_accuracy_ratio"] is None


@pytest.mark.parametrize(
    "wrong", [{"node_hours": 0.0}, {"node_hours": math.nan}, {"violation_ratio": 1.2}, {"availability_ratio": -0.1}]
)
def test_a_figure_out_of_range_is_refused(wrong):
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        dataclasses.replace(BASELINE, **wrong)


def test_a_negative_price_is_refused():
    with pytest.raises(InvalidValue, match="violated_node_hour"):
        Prices(violated_node_hour=-1.0)
