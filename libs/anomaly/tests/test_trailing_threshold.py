"""A threshold that follows each node's own week."""

import numpy as np
import pytest
from hydatis_anomaly.trailing_threshold import BINS, TrailingThreshold
from hydatis_core.errors import InvalidValue, WrongShape

START = 86400 * 20000
TICK = 300


def run(risk: np.ndarray, rate: float = 0.015, threshold: float = 0.5, least: float = 0.4) -> np.ndarray:
    """Thresholds of nodes over ticks: risk of shape (ticks, nodes)."""
    trailing = TrailingThreshold(rate, least)
    names = [f"n{node}" for node in range(risk.shape[1])]
    return np.array([trailing.update(START + TICK * row, one, threshold, names) for row, one in enumerate(risk.astype(np.float32))])


def test_for_a_day_the_models_threshold_holds_and_then_the_nodes_own_or_the_floor() -> None:
    thresholds = run(np.full((600, 2), [0.1, 0.8]))
    assert (thresholds[:288] == np.float32(0.5)).all()
    assert (thresholds[300:, 0] == np.float32(0.4)).all()
    assert thresholds[-1, 1] == pytest.approx(np.floor(0.8 * BINS + 1) / BINS)


def test_under_drift_the_share_of_flagged_ticks_stays_bounded_where_a_fixed_threshold_floods() -> None:
    random = np.random.default_rng(1)
    drifting = np.clip(random.normal(0.3, 0.05, (288 * 40, 1)) + np.linspace(0.0, 0.4, 288 * 40)[:, None], 0, 1)
    fixed = (drifting >= 0.5).mean()
    trailing = (drifting >= run(drifting)).mean()
    assert fixed > 0.4
    assert trailing < 0.08


def test_a_steady_node_is_flagged_at_about_the_stated_rate() -> None:
    risk = np.random.default_rng(2).random((288 * 21, 3))
    flagged = risk >= run(risk, rate=0.015, least=0.0)
    assert (np.abs(flagged[288 * 7 :].mean(axis=0) - 0.015) < 0.008).all()


def test_it_hangs_on_earlier_ticks_alone() -> None:
    risk = np.random.default_rng(3).random((700, 1))
    other = risk.copy()
    other[500:] = 1.0
    assert run(risk)[:501].tobytes() == run(other)[:501].tobytes()


def test_days_leave_by_event_time_even_when_ticks_pause() -> None:
    trailing = TrailingThreshold(0.05)
    for row in range(600):
        trailing.update(START + TICK * row, np.float32([0.9]), 0.5, ["a"])
    assert trailing.update(START + TICK * 600, np.float32([0.9]), 0.5, ["a"])[0] > 0.9
    assert trailing.update(START + TICK * 600 + 30 * 86400, np.float32([0.9]), 0.5, ["a"])[0] == 0.5


def test_records_follow_the_names_and_unknown_risks_do_not_count() -> None:
    trailing = TrailingThreshold(0.05)
    for row in range(600):
        trailing.update(START + TICK * row, np.float32([0.9, np.nan]), 0.5, ["a", "b"])
    thresholds = trailing.update(START + TICK * 600, np.float32([0.1, 0.1, 0.1]), 0.5, ["c", "b", "a"])
    assert thresholds.tolist()[:2] == [0.5, 0.5]
    assert thresholds[2] > 0.9


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidValue):
        TrailingThreshold(0.0)
    with pytest.raises(InvalidValue):
        TrailingThreshold(0.01, 2.0)
    trailing = TrailingThreshold()
    trailing.update(START, np.float32([0.1]), 0.5, ["a"])
    with pytest.raises(InvalidValue, match="generation"):
        trailing.update(START, np.float32([0.1]), 0.5, ["a"])
    with pytest.raises(WrongShape):
        trailing.update(START + 1, np.float32([0.1]), 0.5, ["a", "b"])
