"""Ticks are aligned, hours are UTC."""

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.event_time import generation_at, hour_of_day, hour_of_week


def test_a_generation_is_the_last_multiple_of_the_tick():
    assert generation_at(100.0, 15) == 90
    assert generation_at(90.0, 15) == 90


def test_hours_of_a_known_moment():
    monday_noon = 1_375_099_200.0  # 2013-07-29 12:00 UTC, a Monday
    assert hour_of_day(monday_noon) == 12
    assert hour_of_week(monday_noon) == 12


@pytest.mark.parametrize(("time_seconds", "tick_seconds"), [(-1, 15), (float("nan"), 15), (1, 0), (1, 0.5), (1, 1.5)])
def test_refuses_times_and_ticks_that_are_none(time_seconds, tick_seconds):
    with pytest.raises(InvalidValue):
        generation_at(time_seconds, tick_seconds)
