"""What counts as the future of a moment."""

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_forecasting.use_history import UseHistory

NAN = float("nan")


def history(used: list[float], tick_seconds: float = 300.0, start: float = 300.0) -> UseHistory:
    cpu = np.array(used, dtype=np.float32)[:, None]
    times = start + tick_seconds * np.arange(len(used))
    return UseHistory(times, ("a",), cpu, np.full_like(cpu, np.nan), tick_seconds)


RISING = [0.01 * i for i in range(20)]


def test_points_and_maxima_at_five_fifteen_and_sixty_minutes() -> None:
    used = [*RISING[:5], 0.9, *RISING[6:]]
    # t = 600 is index 1, so horizons end at indices 2, 4 and 13; the 0.9 at index 5 is within the hour only.
    assert history(used).future("cpu", 600)[0].tolist() == pytest.approx([0.02, 0.02, 0.04, 0.04, 0.13, 0.9])


def test_the_present_is_not_the_future() -> None:
    used = [0.9, 0.1, *([0.2] * 18)]
    assert history(used).future("cpu", 300)[0, 1] == pytest.approx(0.1)


def test_a_tick_longer_than_the_horizon_looks_at_the_next_tick() -> None:
    assert history(RISING, tick_seconds=600).future("cpu", 300)[0].tolist() == pytest.approx([0.01, 0.01, 0.02, 0.02, 0.06, 0.06])


def test_a_moment_between_ticks_looks_at_the_first_tick_after_the_horizon() -> None:
    assert history(RISING).future("cpu", 450)[0, 0] == pytest.approx(0.02)


def test_the_future_past_the_end_of_the_record_is_unknown() -> None:
    future = history(RISING).future("cpu", 300 + 300 * 16)[0]
    assert future[:4].tolist() == pytest.approx([0.17, 0.17, 0.19, 0.19])
    assert np.isnan(future[4:]).all()


def test_a_missing_end_leaves_the_point_unknown_and_a_short_maximum_too() -> None:
    used = [*RISING[:2], NAN, *RISING[3:]]
    future = history(used).future("cpu", 600)[0]
    assert np.isnan(future[[0, 1]]).all()
    assert np.isnan(future[3])  # 2 of 3 samples are fewer than 80 %
    assert future[5] == pytest.approx(0.13)  # 11 of 12 are enough


def test_a_gap_in_the_record_is_not_bridged() -> None:
    times = np.array([300.0, 600.0, 4000.0, 4300.0])
    used = np.array([[0.1], [0.2], [0.3], [0.4]], dtype=np.float32)
    future = UseHistory(times, ("a",), used, used, 300.0).future("cpu", 300)[0]
    assert future[:2].tolist() == pytest.approx([0.2, 0.2])
    assert np.isnan(future[2:4]).all()
    assert future[4] == pytest.approx(0.3)
    assert np.isnan(future[5])  # 2 of 12 samples


def test_records_that_make_no_sense_are_refused() -> None:
    used = np.zeros((2, 1), dtype=np.float32)
    with pytest.raises(InvalidValue):
        UseHistory(np.array([2.0, 1.0]), ("a",), used, used, 300.0)
    with pytest.raises(InvalidValue):
        UseHistory(np.array([1.0, 2.0]), ("a",), used - 1, used, 300.0)
    with pytest.raises(WrongShape):
        UseHistory(np.array([1.0, 2.0, 3.0]), ("a",), used, used, 300.0)
    with pytest.raises(Duplicate):
        UseHistory(np.array([1.0, 2.0]), ("a", "a"), np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32), 300.0)
    with pytest.raises(InvalidValue):
        history(RISING).future("disk", 300)
