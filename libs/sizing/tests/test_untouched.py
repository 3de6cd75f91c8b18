from dataclasses import replace
from typing import Any

import pytest
from hydatis_sizing.recommendation import Amounts
from hydatis_sizing.untouched import REASONS, Facts, Rules, Untouched, untouched

GIB = 2.0**30
MAY = Facts(Amounts(1.0, 2 * GIB), Amounts(0.2, 0.5 * GIB), history_days=14.0, age_days=0.5)


def test_a_plain_deployment_with_weeks_of_history_may_be_sized() -> None:
    assert untouched(MAY) == Untouched("", "")
    assert untouched(MAY).whole == ""


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"is_forbidden": True}, "forbidden"),
        ({"is_static": True}, "static"),
        ({"is_daemon_set": True}, "daemon-set"),
        ({"is_guaranteed": True}, "guaranteed"),
        ({"has_vertical_autoscaler": True}, "vertical-autoscaler"),
        ({"scaled_on": frozenset({"cpu", "memory"})}, "horizontal-autoscaler"),
        ({"owned": Amounts(float("nan"), 0.0)}, "no-request"),
        ({"advised": Amounts(float("nan"), float("nan"))}, "no-advice"),
        ({"history_days": 0.3}, "too-little-history"),
        ({"history_days": float("nan")}, "too-little-history"),
        ({"age_days": 7.1}, "stale"),
        ({"age_days": float("nan")}, "stale"),
        ({"is_quarantined": True}, "quarantined"),
        ({"advised": Amounts(-0.1, float("inf"))}, "absurd"),
        ({"advised": Amounts(0.0, 21 * GIB)}, "absurd"),
        ({"is_report_only": True}, "report-only"),
    ],
)
def test_each_reason_leaves_the_container_alone(changed: dict[str, Any], code: str) -> None:
    found = untouched(replace(MAY, **changed))
    assert found == Untouched(code, code)
    assert found.whole == code
    assert code in REASONS


def test_every_reason_of_the_table_can_be_given() -> None:
    cases = next(mark for mark in test_each_reason_leaves_the_container_alone.pytestmark if mark.name == "parametrize")
    assert {code for _, code in cases.args[1]} == set(REASONS)


def test_an_autoscaler_on_cpu_leaves_memory_to_be_sized() -> None:
    found = untouched(replace(MAY, scaled_on=frozenset({"cpu"})))
    assert found == Untouched("horizontal-autoscaler", "")
    assert found.whole == ""


def test_a_daemon_set_that_asks_for_it_is_sized() -> None:
    assert untouched(replace(MAY, is_daemon_set=True, is_asked_for=True)) == Untouched("", "")


def test_a_clock_that_is_ahead_makes_nothing_stale() -> None:
    assert untouched(replace(MAY, age_days=-0.1)) == Untouched("", "")


def test_bounds_are_the_users_to_set() -> None:
    strict = Rules(least_history_days=20.0)
    assert untouched(MAY, strict).whole == "too-little-history"
    assert untouched(replace(MAY, advised=Amounts(3.0, GIB)), Rules(most_growth_ratio=2.0)) == Untouched("absurd", "")


def test_of_two_reasons_the_first_of_the_table_is_given() -> None:
    assert untouched(replace(MAY, is_quarantined=True, is_forbidden=True)).whole == "forbidden"
