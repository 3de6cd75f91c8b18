"""Our forecaster as it is served: the models on the engine's columns, then each node's rolling calibration, tick by tick."""

from __future__ import annotations

import numpy as np
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.rolling_calibration import OffsetTracker
from hydatis_forecasting.shape import scale_of
from hydatis_forecasting.targets import RESOURCES, columns_of
from numpy.typing import NDArray

from hydatis_simulator.benchmark.forecast.watched import Watched

__all__ = ["served_forecast"]

Matrix = NDArray[np.float32]
_NAMES = [name for name, _ in INPUT_COLUMNS]
_CHUNK_STEPS = 512


def served_forecast(watched: Watched, models: dict[str, QuantileForecaster]) -> dict[str, dict[str, Matrix]]:
    """Forecasts at every step that is held.

    Args:
        watched: every step of a stretch of time, so that the calibration sees all of them in order.
        models: by resource; a resource without one is left out.

    Returns:
        By resource, then ``ours`` (with rolling calibration) and ``ours_static`` (the models' own, one offset for all nodes),
        each of shape (series, steps, 12).
    """
    steps, count, _ = watched.inputs.shape
    raw = np.full((steps, count, len(RESOURCES), len(columns_of("cpu"))), np.nan, dtype=np.float32)
    used, scale = np.full((2, steps, count, len(RESOURCES)), np.nan, dtype=np.float32)
    for position, resource in enumerate(RESOURCES):
        if resource not in models:
            continue
        model = models[resource]
        at = [_NAMES.index(name) for name, _ in model.columns]
        for first in range(0, steps, _CHUNK_STEPS):
            rows = watched.inputs[first : first + _CHUNK_STEPS].reshape(-1, len(_NAMES))
            part = raw[first : first + _CHUNK_STEPS, :, position]
            part[:] = model.predict(np.ascontiguousarray(rows[:, at])).reshape(part.shape)
            scale[first : first + _CHUNK_STEPS, :, position] = scale_of(_NAMES, rows, resource).reshape(part.shape[:2])
        used[:, :, position] = watched.inputs[:, :, _NAMES.index(f"{resource}_used_ratio")]
    measured = np.stack([watched.series.of(resource)[:, watched.steps].T for resource in RESOURCES], axis=2)
    tracker = OffsetTracker(count, watched.series.step_seconds)
    corrected = np.empty_like(raw)
    for step in range(steps):
        time = watched.series.start_seconds + float(watched.steps[step]) * watched.series.step_seconds
        tracker.observe(time, measured[step])
        tracker.issue(time, raw[step], used[step], scale[step])
        corrected[step] = tracker.corrected(raw[step], used[step], scale[step])
    return {
        resource: {
            "ours": corrected[:, :, position].transpose(1, 0, 2),
            "ours_static": raw[:, :, position].transpose(1, 0, 2),
        }
        for position, resource in enumerate(RESOURCES)
        if resource in models
    }
