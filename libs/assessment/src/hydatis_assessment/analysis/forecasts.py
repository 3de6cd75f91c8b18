"""How well this cluster's use is foreseen: the forecast that sizes and places, made anew each midnight and judged the day after.

    level   f = 95th percentile of the last seven days       should lie above 95 % of the next day's samples
    course  m = mean by hour of the day of the same days     the next day's use, on average

beside what needs no model: yesterday's 95th percentile and yesterday's mean ("it stays as it was"), and each sample of yesterday
("as yesterday at this time"). Pinball loss judges levels, absolute error courses; a skill is 1 - ours / the rival's, so above 0 is
better than the rival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_simulator.peers.own_past import quantile_of_known
from numpy.typing import NDArray

from hydatis_assessment.analysis.series import Series

__all__ = ["NAMES", "ForecastSums", "judge_forecasts"]

_PAST_DAYS = 7
_PERCENT = 95.0
_HOURS = 24
#: Figures that are summed, in the order of the first axis.
NAMES = (
    "samples_count",
    "covered_count",
    "pinball",
    "pinball_stays",
    "pinball_yesterday",
    "error",
    "error_stays",
    "error_yesterday",
    "above",
    "used",
)
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class ForecastSums:
    """Sums over judged samples, shape (len(NAMES), 2, series)."""

    sums: Matrix

    def of(self, name: str) -> Matrix:
        """One of ``NAMES``, shape (2, series)."""
        return np.asarray(self.sums[NAMES.index(name)])

    def coverage(self) -> Matrix:
        """Share of samples at or below the level; 0.95 is right."""
        return _ratio(self.of("covered_count"), self.of("samples_count"))

    def skill(self, loss: str, rival: str) -> Matrix:
        """1 - ours / the rival's; NaN where the rival makes no error.

        Args:
            loss: pinball or error.
            rival: stays or yesterday.
        """
        return 1.0 - _ratio(self.of(loss), self.of(f"{loss}_{rival}"))

    def above_ratio(self) -> Matrix:
        """Use above the level, over all use."""
        return _ratio(self.of("above"), self.of("used"))

    def pooled(self) -> ForecastSums:
        """All series as one."""
        return ForecastSums(self.sums.sum(axis=2, keepdims=True))

    @staticmethod
    def joined(parts: Sequence[ForecastSums]) -> ForecastSums:
        """Series of several."""
        return ForecastSums(np.concatenate([part.sums for part in parts], axis=2))


def judge_forecasts(series: Series, steps_a_day: int, *, judged_from_day: int) -> ForecastSums:
    """Judges series.

    Args:
        series: shape (2, series, steps), whole days; NaN: not known.
        steps_a_day: steps of a day, a multiple of 24 or fewer than 24 (then hours are not told apart).
        judged_from_day: first day that is judged, > 0.

    Returns:
        Sums; zero samples where neither a day's use nor its past was known.
    """
    days = series.reshape(2, series.shape[1], -1, steps_a_day)
    total = np.zeros((len(NAMES), 2, series.shape[1]))
    for day in range(judged_from_day, days.shape[2]):
        past = days[:, :, max(day - _PAST_DAYS, 0) : day]
        total += _judged(past, days[:, :, day])
    return ForecastSums(total)


def _judged(past: Series, today: Series) -> Matrix:
    yesterday = past[:, :, -1]
    level = quantile_of_known(past.reshape(*past.shape[:2], -1), _PERCENT)[:, :, None].astype(np.float32)
    stays_level = quantile_of_known(yesterday, _PERCENT)[:, :, None].astype(np.float32)
    stays = _mean(yesterday, 2)[:, :, None]
    course = _course(past)
    # all are judged by the same samples
    known = ~(np.isnan(today) | np.isnan(yesterday) | np.isnan(level) | np.isnan(course))
    used = np.where(known, today, np.float32(0.0))

    def summed(values: NDArray[np.floating] | NDArray[np.bool_]) -> Matrix:
        return np.asarray(np.where(known, values, 0.0).sum(axis=2, dtype=np.float64))

    return np.stack(
        [
            known.sum(axis=2).astype(np.float64),
            summed(today <= level),
            summed(_pinball(today, level)),
            summed(_pinball(today, stays_level)),
            summed(_pinball(today, yesterday)),
            summed(np.abs(today - course)),
            summed(np.abs(today - stays)),
            summed(np.abs(today - yesterday)),
            summed(np.maximum(today - level, 0.0)),
            used.sum(axis=2, dtype=np.float64),
        ]
    )


def _course(past: Series) -> Series:
    """Mean by hour of the day, shape (2, series, steps a day)."""
    steps = past.shape[3]
    if steps % _HOURS:
        return np.repeat(_mean(past.reshape(*past.shape[:2], -1), 2)[:, :, None], steps, axis=2)
    an_hour = steps // _HOURS
    by_hour = past.reshape(*past.shape[:3], _HOURS, an_hour).transpose(0, 1, 3, 2, 4).reshape(*past.shape[:2], _HOURS, -1)
    return np.repeat(_mean(by_hour, 3), an_hour, axis=2)


def _mean(values: Series, axis: int) -> Series:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, np.float32(0.0)).sum(axis=axis) / known.sum(axis=axis), dtype=np.float32)


def _pinball(actual: Series, forecast: Series) -> Series:
    error = actual - forecast
    return np.asarray(np.maximum(_PERCENT / 100.0 * error, (_PERCENT / 100.0 - 1.0) * error))


def _ratio(above: Matrix, below: Matrix) -> Matrix:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)
