"""Forecasts are judged by days that they never saw, beside forecasts that need no model."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_assessment.analysis.forecasts import ForecastSums, judge_forecasts
from hydatis_assessment.analysis.growth import growth_ratio
from hydatis_assessment.analysis.judged_days import JudgedDays, cut
from hydatis_core.seeds import generator

STEPS, DAYS = 48, 12


def judged(rows: np.ndarray) -> ForecastSums:
    return judge_forecasts(np.stack([rows, rows]).astype(np.float32), STEPS, judged_from_day=8)


def test_a_steady_series_stays_below_its_level_as_often_as_it_should() -> None:
    noise = generator(1, "steady").uniform(0.0, 1.0, (20, DAYS * STEPS))
    found = judged(noise).pooled()
    assert found.coverage()[0, 0] == pytest.approx(0.95, abs=0.01)
    assert found.of("samples_count")[0, 0] == 20 * 4 * STEPS
    assert found.skill("pinball", "stays")[0, 0] > 0.0  # a week knows the level better than a day
    assert found.skill("pinball", "yesterday")[0, 0] > 0.5


def test_a_daily_course_is_foreseen_by_the_hour_and_not_by_yesterdays_mean() -> None:
    hours = np.arange(DAYS * STEPS) / 2 % 24
    rows = 1.0 + np.cos(2 * np.pi * np.floor(hours) / 24)[None] + generator(2, "course").normal(0.0, 0.05, (5, hours.size))
    found = judged(rows).pooled()
    assert found.skill("error", "stays")[0, 0] > 0.9
    assert found.skill("error", "yesterday")[0, 0] > 0.2


def test_a_jump_is_seen_as_poor() -> None:
    rows = np.ones((1, DAYS * STEPS)) + generator(3, "jump").uniform(0.0, 0.1, (1, DAYS * STEPS))
    rows[:, 9 * STEPS :] *= 3.0
    found = judged(rows)
    assert found.coverage()[0, 0] < 0.85
    assert found.above_ratio()[0, 0] > 0.05


def test_a_forecast_knows_nothing_of_its_own_day() -> None:
    rows = generator(4, "past").uniform(0.0, 1.0, (3, DAYS * STEPS))
    changed = rows.copy()
    changed[:, -STEPS:] += 10.0
    before = judge_forecasts(np.stack([rows] * 2).astype(np.float32)[:, :, :-STEPS], STEPS, judged_from_day=8)
    after = judge_forecasts(np.stack([changed] * 2).astype(np.float32), STEPS, judged_from_day=8)
    # the day that changed is above every level that its past gave; the days before are judged as they were
    assert (after.of("covered_count") == before.of("covered_count")).all()


def test_nothing_is_judged_where_nothing_is_known() -> None:
    rows = np.full((2, DAYS * STEPS), np.nan)
    rows[1] = 1.0
    found = judged(rows)
    assert found.of("samples_count")[0].tolist() == [0.0, 4.0 * STEPS]
    assert np.isnan(found.coverage()[0, 0])
    assert found.coverage()[0, 1] == 1.0
    assert np.isnan(found.skill("error", "stays")[0, 1])  # nobody errs: there is nothing to be better than


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (2, None),
        (3, JudgedDays(0, 1, 1)),
        (4, JudgedDays(0, 2, 1)),
        (14, JudgedDays(0, 6, 7)),
        (30, JudgedDays(0, 14, 15)),
        (92, JudgedDays(56, 14, 21)),
    ],
)
def test_the_newest_days_are_judged_and_those_before_are_history(days: int, expected: JudgedDays | None) -> None:
    found = cut(days)
    assert found == expected
    if found:
        assert found.end_day == days


def test_peers_are_tuned_before_anything_that_is_judged() -> None:
    whole = cut(30)
    assert whole is not None
    inside = whole.for_tuning
    assert inside is not None
    assert (inside.first_day, inside.end_day) == (0, whole.history_days)
    assert JudgedDays(0, 2, 1).for_tuning is None


def test_memory_that_grows_is_told_from_memory_that_only_moves() -> None:
    day = np.repeat(np.arange(14.0), STEPS)
    steady = 1.0 + 0.2 * generator(5, "memory").uniform(0.0, 1.0, day.size)
    found = growth_ratio(np.stack([1.0 + 0.05 * day, steady, np.full(day.size, np.nan)]).astype(np.float32), STEPS)
    assert found[0] == pytest.approx(14 * 0.05 / (1.0 + 0.05 * 6.5), rel=1e-3)
    assert found[1:].tolist() == [0.0, 0.0]
