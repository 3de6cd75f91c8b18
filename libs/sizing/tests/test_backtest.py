from dataclasses import dataclass

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_sizing.backtest import backtest
from hydatis_sizing.ours import RightSizing
from hydatis_sizing.past import Past
from hydatis_sizing.sizes import Sizes

GIB = 2.0**30


def use_of(cpu: np.ndarray, memory_gib: np.ndarray, provisioned: tuple[float, float] = (4.0, 8.0)) -> Past:
    amounts = np.repeat([[provisioned[0]], [provisioned[1] * GIB]], len(cpu), axis=1)
    memory = (memory_gib * GIB).astype(np.float32)
    return Past(cpu.astype(np.float32), memory, np.full(cpu.shape[:2], np.nan), amounts)


@dataclass
class Always:
    """Sizes every pod alike, and remembers what it was shown."""

    cpu_cores: float
    memory_gib: float

    def __post_init__(self) -> None:
        self.pasts: list[Past] = []

    def size(self, past: Past) -> Sizes:
        self.pasts.append(past)
        pods = past.provisioned.shape[1]
        requests = np.repeat([[self.cpu_cores], [self.memory_gib * GIB]], pods, axis=1)
        return Sizes(requests, requests[1])


def test_a_day_is_judged_by_what_was_asked_for_the_midnight_before() -> None:
    cpu = np.array([[[1.0, 1.0], [1.0, 3.0], [2.0, 1.0]]])
    method = Always(2.0, 4.0)
    outcome = backtest(use_of(cpu, np.ones((1, 3, 2))), method, history_days=1)
    assert [past.days_count for past in method.pasts] == [1, 2]
    assert outcome.pod_days_count == 2
    assert (outcome.cpu_requested_ratio, outcome.memory_requested_ratio) == (0.5, 0.5)
    assert outcome.cpu_time_above_ratio == 1 / 4
    assert outcome.cpu_work_above_ratio == pytest.approx(1.0 / 7.0)
    assert outcome.kills_per_100_pod_days == 0


def test_a_pod_is_killed_until_its_limit_is_enough_and_the_method_is_told() -> None:
    memory = np.array([[[1.0, 1.0], [1.0, 5.0], [1.0, 1.0]]])
    method = Always(4.0, 4.0)
    outcome = backtest(use_of(np.ones((1, 3, 2)), memory), method, history_days=1)
    assert outcome.kills_per_100_pod_days == 100.0 * 2 / 2  # at 4 GiB, then at 4.8
    assert outcome.killed_days_ratio == 1 / 2
    assert outcome.pods_killed_ratio == 1.0
    assert method.pasts[1].killed_at_bytes[0, -1] == pytest.approx(4.8 * GIB)


def test_nobody_is_killed_or_throttled_for_what_the_owner_asked_for() -> None:
    cpu = np.full((1, 3, 2), 9.0)
    outcome = backtest(use_of(cpu, np.full((1, 3, 2), 20.0)), Always(99.0, 99.0), history_days=1)
    assert outcome.kills_per_100_pod_days == outcome.cpu_time_above_ratio == 0
    assert outcome.cpu_requested_ratio == outcome.memory_requested_ratio == 1.0


def test_a_pod_of_which_too_little_is_known_is_left_alone() -> None:
    cpu = np.ones((2, 3, 20))
    cpu[1, :2] = np.nan
    outcome = backtest(use_of(cpu, np.where(np.isnan(cpu), np.nan, 1.0)), RightSizing(), history_days=2)
    assert outcome.pod_days_count == 1


def test_ours_leaves_steady_pods_a_little_more_than_they_use() -> None:
    outcome = backtest(use_of(np.full((3, 9, 24), 0.5), np.full((3, 9, 24), 2.0)), RightSizing(), history_days=7)
    assert outcome.cpu_requested_ratio == pytest.approx(1.15 * 0.5 / 4)
    assert outcome.memory_requested_ratio == pytest.approx(1.2 * 2 / 8)
    assert outcome.memory_limited_ratio == pytest.approx(1.5 * 2 / 8)
    assert outcome.cpu_time_above_ratio == 0


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(InvalidValue, match="day"):
        backtest(use_of(np.ones((1, 3, 2)), np.ones((1, 3, 2))), Always(1, 1), history_days=3)
    with pytest.raises(WrongShape):
        Past(np.ones((1, 3, 2), np.float32), np.ones((1, 3, 2), np.float32), np.ones((1, 2)), np.ones((2, 1)))
