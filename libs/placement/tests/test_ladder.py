"""The ladder as a table."""

import itertools

import pytest
from hydatis_placement.ladder import LADDER, Missing, Rung, rung_for


def test_nothing_missing_is_the_full_rung_without_a_reason() -> None:
    assert rung_for([]) == (Rung.FULL, "")


def test_a_missing_risk_costs_no_rung() -> None:
    assert rung_for({Missing.RISK}) == (Rung.FULL, "")


@pytest.mark.parametrize(
    ("missing", "rung", "reason"),
    [
        ({Missing.MODEL_SERVER_ANSWER}, Rung.FULL_LOCAL, "model_server_late"),
        ({Missing.POLICY}, Rung.GREEDY, "no_policy"),
        ({Missing.POLICY_GENERATION, Missing.MODEL_SERVER}, Rung.GREEDY, "no_common_generation"),
        ({Missing.POLICY, Missing.FORECAST}, Rung.LOAD, "no_forecast"),
        ({Missing.FORECAST, Missing.FRESH_METRICS, Missing.RISK}, Rung.ABSTAIN, "stale_metrics"),
        ({Missing.TABLE, Missing.FRESH_METRICS}, Rung.ABSTAIN, "no_table"),
    ],
)
def test_the_worst_thing_missing_decides(missing: set[Missing], rung: Rung, reason: str) -> None:
    assert rung_for(missing) == (rung, reason)


def test_every_missing_thing_stands_in_the_table_once_and_worst_first() -> None:
    assert sorted(m.value for m, _ in LADDER) == sorted(m.value for m in Missing)
    rungs = [rung for _, rung in LADDER]
    assert rungs == sorted(rungs, reverse=True)


def test_more_missing_never_gives_a_higher_rung() -> None:
    for one, two in itertools.combinations(Missing, 2):
        assert rung_for({one, two})[0] >= max(rung_for({one})[0], rung_for({two})[0])


def test_rungs_are_numbered_as_on_the_wire() -> None:
    assert [rung.value for rung in Rung] == [1, 2, 3, 4, 5]
