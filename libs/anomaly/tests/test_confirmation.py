"""Runs of flags."""

import numpy as np
import pytest
from hydatis_anomaly.confirmation import Confirmation
from hydatis_core.errors import InvalidValue, WrongShape

NAN = float("nan")


def said(confirmation: Confirmation, tick: int, risks: list[float], names: list[str] | None = None) -> list[tuple[int, int, bool]]:
    flagged = confirmation.update(tick * 60, np.array(risks, dtype=np.float32), 0.5, names)
    return [(node.row, node.ticks_count, node.confirmed) for node in flagged]


def test_a_flag_is_confirmed_after_three_ticks_in_a_row() -> None:
    runs = Confirmation(3)
    assert said(runs, 1, [0.9, 0.1]) == [(0, 1, False)]
    assert said(runs, 2, [0.5, 0.9]) == [(0, 2, False), (1, 1, False)]
    assert said(runs, 3, [0.9, 0.9]) == [(0, 3, True), (1, 2, False)]
    assert said(runs, 4, [0.9, 0.9]) == [(0, 4, True), (1, 3, True)]


def test_one_calm_tick_ends_a_run() -> None:
    runs = Confirmation(2)
    said(runs, 1, [0.9])
    assert said(runs, 2, [0.4]) == []
    assert said(runs, 3, [0.9]) == [(0, 1, False)]


def test_an_unknown_tick_neither_lengthens_nor_ends_a_run_but_several_do() -> None:
    runs = Confirmation(2)
    said(runs, 1, [0.9])
    assert said(runs, 2, [NAN]) == []
    assert said(runs, 3, [0.9]) == [(0, 2, True)]
    said(runs, 4, [NAN])
    said(runs, 5, [NAN])
    assert said(runs, 6, [0.9]) == [(0, 1, False)]


def test_runs_follow_the_names_when_nodes_come_and_go() -> None:
    runs = Confirmation(2)
    said(runs, 1, [0.1, 0.9, 0.9], ["a", "b", "c"])
    assert said(runs, 2, [0.9, 0.9, 0.9], ["c", "d", "a"]) == [(0, 2, True), (1, 1, False), (2, 1, False)]


def test_without_names_another_number_of_nodes_ends_all_runs() -> None:
    runs = Confirmation(2)
    said(runs, 1, [0.9, 0.9])
    assert said(runs, 2, [0.9, 0.9, 0.9]) == [(0, 1, False), (1, 1, False), (2, 1, False)]


def test_a_long_pause_ends_all_runs() -> None:
    runs = Confirmation(2, gap_seconds=120.0)
    said(runs, 1, [0.9], ["a"])
    assert said(runs, 3, [0.9], ["a"]) == [(0, 2, True)]
    assert said(runs, 6, [0.9], ["a"]) == [(0, 1, False)]


def test_a_tick_counts_once() -> None:
    runs = Confirmation(2)
    said(runs, 1, [0.9])
    with pytest.raises(InvalidValue):
        said(runs, 1, [0.9])
    assert said(runs, 2, [0.9]) == [(0, 2, True)]


def test_settings_and_ticks_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidValue):
        Confirmation(0)
    with pytest.raises(InvalidValue):
        Confirmation(1, gap_seconds=0.0)
    with pytest.raises(WrongShape):
        said(Confirmation(), 1, [0.9], ["a", "b"])
