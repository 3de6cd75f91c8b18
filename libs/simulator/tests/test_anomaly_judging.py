"""Judging by hand: the scores of NAB, alarms and events, the two ends that every figure has."""

import math

import numpy as np
import pytest
from hydatis_simulator.benchmark.anomaly.flags import confirmed, over_fixed, over_trailing
from hydatis_simulator.benchmark.anomaly.judging import alarm_figures, rank_figures
from hydatis_simulator.benchmark.anomaly.nab_score import FALSE_POSITIVE_WEIGHT, normalised, raw_score

TRUTH = np.zeros(288, dtype=np.bool_)
TRUTH[50:60] = TRUTH[200:220] = True


def flags(*rows: int) -> np.ndarray:
    said = np.zeros(288, dtype=np.bool_)
    said[list(rows)] = True
    return said


def test_saying_nothing_is_the_null_of_nab_and_the_first_rows_are_perfect() -> None:
    windows = [(10, 19), (50, 69)]
    assert raw_score([], windows, 0) == -2.0
    assert raw_score([10, 50], windows, 0) == pytest.approx(2.0)
    assert (normalised(-2.0, 2), normalised(2.0, 2)) == (0.0, 100.0)
    assert math.isnan(normalised(0.0, 0))


def test_nab_by_hand() -> None:
    def sigmoid(y: float) -> float:
        return 2 / (1 + math.exp(5 * y)) - 1

    windows = [(10, 19)]
    middle = sigmoid(-0.5) / sigmoid(-1.0)
    assert raw_score([15], windows, 0) == pytest.approx(middle)
    assert raw_score([15, 18], windows, 0) == pytest.approx(middle)  # once a window
    assert raw_score([3], windows, 0) == pytest.approx(-1 - FALSE_POSITIVE_WEIGHT)  # none before: as far as can be
    assert raw_score([10, 22], windows, 0) == pytest.approx(1 + FALSE_POSITIVE_WEIGHT * sigmoid(3 / 9))
    assert raw_score([10, 200], windows, 0) == pytest.approx(1 - FALSE_POSITIVE_WEIGHT)
    assert raw_score([3], windows, 5) == -1.0  # probation


def test_alarms_by_hand() -> None:
    said = flags(52, 53, 56, 100, 101, 160)  # 52..56 is one alarm that finds; 100 and 160 are false
    figures = alarm_figures([TRUTH], [said], 300.0)
    assert (figures.alarms, figures.events) == (3, 2)
    assert figures.event_precision == pytest.approx(1 / 3)
    assert figures.event_recall == 0.5
    assert figures.false_per_day_mean == figures.false_per_day_worst == pytest.approx(2.0)
    assert figures.delay_seconds_median == 600.0
    assert figures.point_false_positive_worst == pytest.approx(3 / 258)
    assert figures.point_precision == 0.5
    assert figures.base_rate == pytest.approx(30 / 288)
    assert figures.point_adjusted_f1 == pytest.approx(2 * 10 / (13 + 30))


def test_a_gap_that_an_alarm_bridges_over_an_event_finds_nothing() -> None:
    said = flags(48, 61)  # one alarm of an hour around an event that no flag touches
    figures = alarm_figures([TRUTH], [said], 300.0)
    assert (figures.alarms, figures.event_precision, figures.event_recall) == (1, 0.0, 0.0)
    assert alarm_figures([TRUTH], [flags(48, 62)], 300.0).alarms == 2


def test_the_truth_as_alarms_is_perfect_and_silence_finds_nothing() -> None:
    perfect = alarm_figures([TRUTH, ~TRUTH], [TRUTH, ~TRUTH], 300.0)
    assert (perfect.event_precision, perfect.event_recall, perfect.false_per_day_worst) == (1.0, 1.0, 0.0)
    assert (perfect.delay_seconds_median, perfect.point_false_positive_worst, perfect.point_adjusted_f1) == (0.0, 0.0, 1.0)
    silent = alarm_figures([TRUTH], [flags()], 300.0)
    assert math.isnan(silent.event_precision)
    assert (silent.event_recall, silent.to_json()["event_precision"]) == (0.0, None)


def test_an_oracle_ranks_perfectly_and_chance_reaches_the_base_rate() -> None:
    truth = np.random.default_rng(1).random(20_000) < 0.06
    oracle = rank_figures(["a"], [truth], [truth.astype(np.float32)])
    chance = rank_figures(["a"], [truth], [np.random.default_rng(2).random(20_000).astype(np.float32)])
    assert (oracle.auc_pr, oracle.auc_roc) == (1.0, 1.0)
    assert chance.auc_pr == pytest.approx(chance.base_rate, abs=0.01)
    assert chance.auc_roc == pytest.approx(0.5, abs=0.02)


def test_machines_without_an_anomaly_do_not_count_in_areas() -> None:
    truth, risk = np.array([False, True, False]), np.float32([0.1, 0.9, 0.2])
    both = rank_figures(["a", "b"], [truth, np.zeros(3, dtype=np.bool_)], [risk, risk])
    assert (both.auc_pr, both.base_rate) == (1.0, pytest.approx(1 / 3))


def test_flags_count_from_the_stated_tick_in_a_row_on() -> None:
    said = np.array([1, 1, 0, 1, 1, 1, 1], dtype=np.bool_)
    assert confirmed(said, 3).tolist() == [False, False, False, False, False, True, True]
    assert confirmed(said, 1).tolist() == said.tolist()


def test_trailing_flags_of_machines_of_other_lengths_are_those_of_each_alone() -> None:
    random = np.random.default_rng(3)
    before = [random.random(600).astype(np.float32), random.random(500).astype(np.float32)]
    after = [random.random(400).astype(np.float32), random.random(300).astype(np.float32)]
    together = over_trailing(before, after, [0.5, 0.6], 0.02, 300.0)
    assert [len(one) for one in together] == [400, 300]
    alone = over_trailing(before[:1], after[:1], [0.5], 0.02, 300.0)
    assert together[0].tolist() == alone[0].tolist()
    assert all((one <= fixed).all() for one, fixed in zip(together, over_fixed(after, [0.5, 0.6]), strict=True))
