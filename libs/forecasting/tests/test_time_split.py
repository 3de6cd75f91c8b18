"""Slices of time that do not touch."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_forecasting.time_split import split_by_time

TICKS = np.repeat(np.arange(100) * 300, 3)


def test_slices_follow_one_another_with_a_gap_of_the_longest_horizon() -> None:
    first, second, third = split_by_time(TICKS, (0.5, 0.3, 0.2))
    assert TICKS[first].max() + 3600 < TICKS[second].min() == 50 * 300
    assert TICKS[second].max() + 3600 < TICKS[third].min() == 80 * 300
    assert TICKS[third].max() == 99 * 300


def test_rows_of_one_tick_stay_together() -> None:
    assert all(mask.sum() % 3 == 0 for mask in split_by_time(TICKS, (0.5, 0.5)))


def test_slices_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidValue):
        split_by_time(TICKS, (0.5, 0.4))
    with pytest.raises(InvalidValue, match="no rows"):
        split_by_time(TICKS, (0.1, 0.9))  # ten ticks, all within an hour of the next slice
    with pytest.raises(InvalidValue):
        split_by_time(TICKS[:0], (0.5, 0.5))
