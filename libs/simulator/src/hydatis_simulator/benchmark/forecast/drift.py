"""Does the calibration hold when the load changes? A level shift is put into series, and coverage is told by time since.

Each series is multiplied and lifted from one moment on, as when a release doubles what a service needs; beside the forecasts as
served stand the same with the offsets of training only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hydatis_core.event_time import DAY_SECONDS, HOUR_SECONDS
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.targets import TARGETS
from numpy.typing import NDArray

from hydatis_simulator.benchmark.forecast.ours import served_forecast
from hydatis_simulator.benchmark.forecast.series import SeriesSet
from hydatis_simulator.benchmark.forecast.watched import futures, watch

__all__ = ["SPANS", "coverage_after_shift", "shifted"]

FACTOR = 1.5
#: Hours from the shift on: name, first, last.
SPANS: tuple[tuple[str, float, float], ...] = (
    ("day before", -24.0, -1.0),
    ("first hour", 0.0, 1.0),
    ("hours 1 to 6", 1.0, 6.0),
    ("hours 6 to 24", 6.0, 24.0),
    ("second day", 24.0, 48.0),
    ("third day", 48.0, 72.0),
)


def shifted(used: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """From ``step`` on: 1.5 x + one mean of the days before. shape (series, steps)."""
    answer = used.copy()
    before = used[:, :step]
    known = np.maximum((~np.isnan(before)).sum(axis=1), 1)
    answer[:, step:] = np.float32(FACTOR) * used[:, step:] + (np.nansum(before, axis=1) / known)[:, None].astype(np.float32)
    return answer


def coverage_after_shift(series: SeriesSet, models: dict[str, QuantileForecaster]) -> dict[str, dict[str, dict[str, float]]]:
    """Coverage of the p95 of the highest use in the next hour around a level shift in the middle of the judged days.

    Args:
        series: what is judged; at most five days before the shift and three after it are used.
        models: by resource.

    Returns:
        By resource, then ``ours`` or ``ours_static``, then span: 0..1, NaN where a span has no row.
    """
    step = series.test_step + (series.steps_count - series.test_step) // 2
    day = round(DAY_SECONDS / series.step_seconds)
    first, last = max(0, step - 5 * day), min(series.steps_count, step + 3 * day)
    part = series.between(first, last)
    at = step - first
    part = replace(part, cpu=shifted(part.cpu, at), memory=shifted(part.memory, at))
    watched = watch(part, np.ones(part.steps_count, dtype=np.bool_), lambda *_: None)
    hours = (np.arange(part.steps_count) - at) * part.step_seconds / HOUR_SECONDS
    answer: dict[str, dict[str, dict[str, float]]] = {}
    target = len(TARGETS) - 1
    for resource, forecasts in served_forecast(watched, models).items():
        came = futures(part.of(resource), part.step_seconds)[:, :, target]
        answer[resource] = {method: {} for method in forecasts}
        for method, forecast in forecasts.items():
            said = forecast[:, :, 2 * target + 1]
            for name, begins, ends in SPANS:
                inside = (hours >= begins) & (hours < ends)
                known = ~np.isnan(came[:, inside]) & ~np.isnan(said[:, inside])
                covered = (came[:, inside] <= said[:, inside])[known]
                answer[resource][method][name] = float(covered.mean()) if covered.size else float("nan")
    return answer
