"""The simple forecasts that ours has to beat, over all series at once.

Each knows a series up to and including the step it forecasts from, and nothing later. For a maximum over a window, rivals that
average or rank the past do so over past maxima of the same length, which is the stronger form. Formulas, with x the use and y the
outcome of a target (``watched.futures``), outcomes being known a horizon later:

    persistence            p50 = x(t); p95 = x(t) + the conformal quantile of y - x on the days of learning (one offset for all)
    persistence rolling    the same with the 95th percentile of the series' own trailing week, renewed each hour
    seasonal naive         p50 = y(t - 24 h) or y(t - 168 h); p95 as persistence (on its own errors)
    moving mean            p50 = sum w y / sum w over a day of known outcomes, w = 2^(-age / half-life); half-lives 15 min and 1 h
    moving quantile        p50, p95 = weighted quantiles of a day of known outcomes, half-life 2 h and 12 h
    ewma                   s(t) = s(t-1) + a (x - s), a = 1 - 2^(-step / 10 min)
    holt winters           additive, level 0.5, trend 0.01, daily season 0.1 of the newest error, damped trend 0.9
    linear regression      ridge on 12 lags and the use of a day ago, as distances from x(t) over a series' scale; one per target
    decaying histogram     p50, p95 of a histogram of x over 200 buckets, half-life 24 h (VPA-like)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_forecasting.calibration import conformal_offset
from hydatis_forecasting.targets import HORIZONS_SECONDS, TARGETS
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hydatis_simulator.benchmark.forecast.watched import futures

__all__ = ["RIVALS", "Past", "rival_forecast"]

Matrix = NDArray[np.float32]
Forecast = tuple[Matrix, Matrix]


@dataclass(frozen=True)
class Past:
    """What a rival may use. All matrices (series, steps, ...); forecasts are wanted at ``judged`` steps."""

    used: Matrix
    step_seconds: float
    learn_steps: NDArray[np.bool_]
    """shape (steps,): steps whose outcomes may set offsets and weights."""
    learn_series: NDArray[np.bool_]
    """shape (series,): series that may do so."""
    judged: NDArray[np.intp]
    """Steps to forecast from, rising."""
    outcomes: Matrix
    """shape (series, steps, 6): ``futures`` of the use."""

    @classmethod
    def of(
        cls,
        used: Matrix,
        step_seconds: float,
        learn_steps: NDArray[np.bool_],
        learn_series: NDArray[np.bool_],
        judged: NDArray[np.intp],
    ) -> Past:
        """With the outcomes computed."""
        return cls(used, step_seconds, learn_steps, learn_series, judged, futures(used, step_seconds))

    def steps(self, seconds: float) -> int:
        """A time in steps, at least one."""
        return max(1, round(seconds / self.step_seconds))

    def lead(self, target: int) -> int:
        """Steps until the outcome of a target is known."""
        return max(1, int(np.ceil(HORIZONS_SECONDS[target // 2] / self.step_seconds)))

    def known_outcomes(self, target: int, back: int = 0) -> Matrix:
        """shape (series, steps): at each step the newest outcome known then, or one ``back`` steps before it."""
        return _later(self.outcomes[:, :, target], self.lead(target) + back)


def _later(matrix: Matrix, steps: int) -> Matrix:
    answer = np.full_like(matrix, np.nan)
    if steps < matrix.shape[1]:
        answer[:, steps:] = matrix[:, : matrix.shape[1] - steps]
    return answer


def _held(matrix: Matrix) -> Matrix:
    at = np.maximum.accumulate(np.where(np.isnan(matrix), 0, np.arange(matrix.shape[1])), axis=1)
    return np.take_along_axis(matrix, at, axis=1)


def _with_conformal(past: Past, target: int, point: Matrix) -> Forecast:
    """p95 = point + one offset, measured on the days and series of learning. ``point``: (series, steps)."""
    rows = np.ix_(past.learn_series, past.learn_steps)
    actual = past.outcomes[:, :, target][rows].ravel()
    said = point[rows].ravel()
    known = ~np.isnan(actual) & ~np.isnan(said)
    offset = conformal_offset(actual, said, 0.95) if known.sum() >= 19 else 0.0
    at = point[:, past.judged]
    return at, at + np.float32(offset)


def _persistence(past: Past, target: int) -> Forecast:
    return _with_conformal(past, target, past.used)


def _persistence_rolling(past: Past, target: int) -> Forecast:
    error = past.known_outcomes(target) - _later(past.used, past.lead(target))
    week, hour = past.steps(7 * DAY_SECONDS), past.steps(3600)
    hours, of = np.unique(past.judged // hour, return_inverse=True)
    offsets = np.stack([_quantile(error[:, max(0, h * hour + 1 - week) : h * hour + 1], 0.95) for h in hours], axis=1)
    at = past.used[:, past.judged]
    return at, at + offsets[:, of]


def _quantile(window: Matrix, share: float) -> Matrix:
    """The ceil(share (n + 1))-th smallest known value of each row (the largest, when there are too few); NaN without any."""
    ordered = np.sort(window, axis=1)
    count = (~np.isnan(window)).sum(axis=1)
    rank = np.clip(np.ceil(share * (count + 1)).astype(int) - 1, 0, np.maximum(count - 1, 0))
    answer = np.take_along_axis(ordered, rank[:, None], axis=1)[:, 0]
    return np.where(count > 0, answer, np.float32(np.nan)).astype(np.float32)


def _seasonal(seconds: float) -> Callable[[Past, int], Forecast]:
    def forecast(past: Past, target: int) -> Forecast:
        return _with_conformal(past, target, _later(past.outcomes[:, :, target], past.steps(seconds)))

    return forecast


def _moving_mean(half_life_seconds: float) -> Callable[[Past, int], Forecast]:
    def forecast(past: Past, target: int) -> Forecast:
        keep = np.float32(2.0 ** (-past.step_seconds / half_life_seconds))
        outcome = past.known_outcomes(target)
        mean = np.full_like(outcome, np.nan)
        total, weight = np.zeros((2, len(outcome)), dtype=np.float32)
        for step in range(outcome.shape[1]):
            known = ~np.isnan(outcome[:, step])
            total = keep * total + np.where(known, outcome[:, step], np.float32(0))
            weight = keep * weight + known
            np.divide(total, weight, out=mean[:, step], where=weight > 1e-6)
        return _with_conformal(past, target, mean)

    return forecast


def _moving_quantile(half_life_seconds: float) -> Callable[[Past, int], Forecast]:
    def forecast(past: Past, target: int) -> Forecast:
        width = past.steps(DAY_SECONDS)
        outcome = past.known_outcomes(target)
        padded = np.concatenate([np.full((len(outcome), width - 1), np.nan, dtype=np.float32), outcome], axis=1)
        weights = np.exp2(-np.arange(width)[::-1] * past.step_seconds / half_life_seconds).astype(np.float32)
        p50, p95 = (np.empty((len(outcome), len(past.judged)), dtype=np.float32) for _ in range(2))
        for row in range(len(outcome)):
            windows = sliding_window_view(padded[row], width)[past.judged]
            order = np.argsort(windows, axis=1)  # NaN last
            ordered = np.take_along_axis(windows, order, axis=1)
            weight = np.where(np.isnan(ordered), np.float32(0), weights[order])
            share = np.cumsum(weight, axis=1)
            total = share[:, -1:]
            for answer, quantile in ((p50, 0.5), (p95, 0.95)):
                at = np.minimum((share < quantile * total).sum(axis=1), width - 1)
                answer[row] = np.where(total[:, 0] > 0, ordered[np.arange(len(at)), at], np.float32(np.nan))
        return p50, p95

    return forecast


def _ewma(past: Past, target: int) -> Forecast:
    keep = np.float32(2.0 ** (-past.step_seconds / 600.0))
    held = _held(past.used)
    level = held.copy()
    for step in range(1, held.shape[1]):
        before = np.where(np.isnan(level[:, step - 1]), held[:, step], level[:, step - 1])
        level[:, step] = keep * before + (1 - keep) * held[:, step]
    return _with_conformal(past, target, level)


def _holt_winters(past: Past, target: int) -> Forecast:
    alpha, beta, gamma, damping = (np.float32(value) for value in (0.5, 0.01, 0.1, 0.9))
    held, period, lead = _held(past.used), past.steps(DAY_SECONDS), past.lead(target)
    count = held.shape[0]
    season = np.zeros((count, period), dtype=np.float32)
    level: Matrix = np.full(count, np.nan, dtype=np.float32)
    trend: Matrix = np.zeros(count, dtype=np.float32)
    said = np.full_like(held, np.nan)
    reach = np.float32(sum(float(damping) ** i for i in range(1, lead + 1)))
    for step in range(held.shape[1]):
        x, at = held[:, step], step % period
        level = np.where(np.isnan(level), x, level)
        error = np.nan_to_num(x - (level + damping * trend + season[:, at]))
        level = (level + damping * trend + alpha * error).astype(np.float32)
        trend = (damping * trend + beta * error).astype(np.float32)
        season[:, at] += gamma * error
        said[:, step] = np.maximum(level + reach * trend + season[:, (step + lead) % period], 0)
    return _with_conformal(past, target, said)


def _linear_regression(past: Past, target: int) -> Forecast:
    held = _held(past.used)
    lags = [*range(1, 13), past.steps(DAY_SECONDS), past.steps(DAY_SECONDS) - past.lead(target)]
    counted = ~np.isnan(held) & (past.learn_steps if past.learn_steps.any() else True)
    level = np.where(counted, held, 0).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    scale = np.maximum(level, 1e-4)[:, None].astype(np.float32)

    def design(rows: NDArray[np.intp], steps: NDArray[np.intp]) -> Matrix:
        distances = []
        for lag in lags:
            then = np.where(steps >= lag, held[np.ix_(rows, np.maximum(steps - lag, 0))], np.nan)
            distances.append(np.nan_to_num((then - held[np.ix_(rows, steps)]) / scale[rows]))
        return np.stack([*distances, np.ones_like(distances[0])], axis=2).astype(np.float32)

    rows, steps = np.flatnonzero(past.learn_series), np.flatnonzero(past.learn_steps)[::5]
    everyone = np.arange(len(held))
    if rows.size and steps.size:
        inputs = design(rows, steps)
        change = (past.outcomes[:, :, target] - held)[np.ix_(rows, steps)] / scale[rows]
        known = ~np.isnan(change)
        x, y = inputs[known].astype(np.float64), change[known].astype(np.float64)
        weights = np.linalg.solve(x.T @ x + 1e-3 * len(x) * np.eye(x.shape[1]) + 1e-9 * np.eye(x.shape[1]), x.T @ y)
    else:
        weights = np.zeros(len(lags) + 1)
    said = np.full_like(held, np.nan)
    wanted = np.union1d(steps, past.judged)
    said[:, wanted] = held[:, wanted] + (design(everyone, wanted) @ weights.astype(np.float32)) * scale
    return _with_conformal(past, target, np.maximum(said, 0))


def _decaying_histogram(past: Past, _target: int) -> Forecast:
    buckets = 200
    highest = np.nanmax(past.used, axis=1, initial=1e-6)[:, None]  # scale of the buckets only
    keep = np.float32(2.0 ** (-past.step_seconds / DAY_SECONDS))
    weights = np.zeros((len(past.used), buckets), dtype=np.float32)
    edges = highest * (np.arange(1, buckets + 1) / buckets)[None].astype(np.float32)
    place = np.clip(np.nan_to_num(past.used / highest) * buckets, 0, buckets - 1).astype(int)
    answers = [np.empty((len(past.used), len(past.judged)), dtype=np.float32) for _ in range(2)]
    position = {int(step): i for i, step in enumerate(past.judged)}
    rows = np.arange(len(past.used))
    for step in range(past.used.shape[1]):
        weights *= keep
        weights[rows, place[:, step]] += ~np.isnan(past.used[:, step])
        if step in position:
            share = np.cumsum(weights, axis=1)
            for answer, quantile in zip(answers, (0.5, 0.95), strict=True):
                at = np.minimum((share < quantile * share[:, -1:]).sum(axis=1), buckets - 1)
                answer[:, position[step]] = edges[rows, at]
    return answers[0], answers[1]


#: By name, every rival: from the past and a target's position to (p50, p95), each (series, judged steps).
RIVALS: dict[str, Callable[[Past, int], Forecast]] = {
    "persistence": _persistence,
    "persistence_rolling": _persistence_rolling,
    "seasonal_naive_24h": _seasonal(DAY_SECONDS),
    "seasonal_naive_168h": _seasonal(7 * DAY_SECONDS),
    "moving_mean_15m": _moving_mean(900.0),
    "moving_mean_1h": _moving_mean(3600.0),
    "moving_quantile_2h": _moving_quantile(7200.0),
    "moving_quantile_12h": _moving_quantile(43_200.0),
    "ewma": _ewma,
    "holt_winters": _holt_winters,
    "linear_regression": _linear_regression,
    "decaying_histogram": _decaying_histogram,
}
#: What says the same of every target is computed once.
_SAME_FOR_ALL_TARGETS = {"decaying_histogram"}


def rival_forecast(name: str, past: Past) -> Matrix:
    """Forecasts of one rival, shape (series, judged steps, 12): columns as ``targets.columns_of``; p95 is at least p50."""
    answer = np.empty((len(past.used), len(past.judged), 2 * len(TARGETS)), dtype=np.float32)
    p50, p95 = RIVALS[name](past, 0)
    for target in range(len(TARGETS)):
        if target and name not in _SAME_FOR_ALL_TARGETS:
            p50, p95 = RIVALS[name](past, target)
        answer[:, :, 2 * target] = np.maximum(p50, 0)
        answer[:, :, 2 * target + 1] = np.maximum(np.maximum(p95, p50), 0)
    return answer
