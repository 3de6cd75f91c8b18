import pytest
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.retraining import COOLDOWN_SECONDS, FAMILIES, Action, DriftReport, TriggerState, decide, may_start


def report(models, features=2, fresh_days=5.0, observed=1000.0):
    return DriftReport.from_json(
        {
            "observed_seconds": observed,
            "models": models,
            "features": [f"f{i}" for i in range(features)],
            "features_checked_count": 60,
            "fresh_days": fresh_days,
        }
    )


@pytest.mark.parametrize(
    ("told", "action", "families"),
    [
        (report({}), Action.NONE, ()),
        (report({"cpu-forecaster": "minor"}), Action.NONE, ()),
        (report({"cpu-forecaster": "critical"}, fresh_days=0.2), Action.FALLBACK, ("cpu-forecaster",)),
        (report({"cpu-forecaster": "moderate"}, fresh_days=0.2), Action.NONE, ()),
        (report({"anomaly-detector": "critical"}), Action.FULL, tuple(FAMILIES)),
        (report({"anomaly-detector": "moderate"}, features=30), Action.FULL, tuple(FAMILIES)),
        (report({"anomaly-detector": "moderate"}), Action.INCREMENTAL, ("anomaly-detector",)),
        (report({"memory-forecaster": "moderate"}), Action.INCREMENTAL, ("memory-forecaster", "placement-policy")),
        (report({"placement-policy": "moderate"}), Action.INCREMENTAL, ("placement-policy",)),
    ],
)
def test_the_table_of_actions(told, action, families):
    plan = decide(told)
    assert (plan.action, plan.families) == (action, families)
    assert plan.reason


def test_a_second_trigger_waits_for_the_cooldown():
    drift = report({"cpu-forecaster": "moderate"}, observed=500.0)
    last = TriggerState(1000.0, "sha256:other")
    assert may_start(drift, None, 0.0) == ""
    assert "cooldown" in may_start(drift, last, 1000.0 + COOLDOWN_SECONDS - 1)
    assert may_start(drift, last, 1000.0 + COOLDOWN_SECONDS) == ""


def test_a_drift_that_was_trained_for_starts_nothing_unless_it_is_seen_again_later():
    old, new = (report({"cpu-forecaster": "moderate"}, observed=seen) for seen in (500.0, 9e5))
    assert old.digest == new.digest
    last = TriggerState(1000.0, old.digest)
    assert "seen before" in may_start(old, last, 1e6)
    assert may_start(new, last, 1e6) == ""


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"observed_seconds": 1, "models": {"x": "minor"}, "features": [], "features_checked_count": 1, "fresh_days": 1},
        {"observed_seconds": 1, "models": {"cpu-forecaster": "huge"}, "features": [], "features_checked_count": 1, "fresh_days": 1},
        {"observed_seconds": 1, "models": {}, "features": ["a", "a"], "features_checked_count": 9, "fresh_days": 1},
        {"observed_seconds": 1, "models": {}, "features": ["a"], "features_checked_count": 0, "fresh_days": 1},
        {"observed_seconds": float("nan"), "models": {}, "features": [], "features_checked_count": 1, "fresh_days": 1},
    ],
)
def test_what_is_no_drift_report_is_refused_with_what_would_be(told):
    with pytest.raises(InvalidValue):
        DriftReport.from_json(told)
