"""Judges a forecaster beside the baselines, horizon by horizon.

A single figure hides where skill is: near persistence five minutes ahead, well above it for the maximum of an hour. So every target
gets its own, each next to the same figure of what costs nothing.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import WrongShape
from numpy.typing import NDArray

from hydatis_forecasting import metrics
from hydatis_forecasting.baselines import BASELINES
from hydatis_forecasting.dataset import Dataset
from hydatis_forecasting.targets import TARGETS, columns_of

__all__ = ["evaluate", "evaluate_baselines"]


def evaluate(dataset: Dataset, forecast: NDArray[np.float32]) -> dict[str, float]:
    """Figures of a forecast.

    Args:
        dataset: rows that came later than all rows of training and calibration.
        forecast: shape (m, 12), columns of the dataset's resource.

    Returns:
        By name, for each target suffix (``300s`` ... ``max_3600s``) and resource: ``cpu_accuracy_300s`` (1 - WAPE of p50),
        ``cpu_mase_300s`` (p50 against persistence; below 1 is better than it), ``cpu_pinball_p50_300s``, ``cpu_pinball_p95_300s``
        (share of allocatable), ``cpu_coverage_p50_300s``, ``cpu_coverage_p95_300s`` (0..1, should be 0.5 and 0.95) and
        ``cpu_under_prediction_300s`` (share of rows that passed p95 by more than 1 % of allocatable).

    Raises:
        WrongShape: not 12 columns for each row.
    """
    resource = dataset.resource
    if forecast.shape != (len(dataset.rows), len(columns_of(resource))):
        raise WrongShape(f"forecast of shape {forecast.shape}", field="forecast", expected=f"({len(dataset.rows)}, 12)")
    figures: dict[str, float] = {}
    for position, target in enumerate(TARGETS):
        actual, p50, p95 = dataset.targets[:, position], forecast[:, 2 * position], forecast[:, 2 * position + 1]
        figures |= {
            f"{resource}_accuracy_{target.suffix}": metrics.accuracy(actual, p50),
            f"{resource}_mase_{target.suffix}": metrics.mase(actual, p50, dataset.current),
            f"{resource}_pinball_p50_{target.suffix}": metrics.pinball_loss(actual, p50, 0.5),
            f"{resource}_pinball_p95_{target.suffix}": metrics.pinball_loss(actual, p95, 0.95),
            f"{resource}_coverage_p50_{target.suffix}": metrics.coverage(actual, p50),
            f"{resource}_coverage_p95_{target.suffix}": metrics.coverage(actual, p95),
            f"{resource}_under_prediction_{target.suffix}": metrics.under_prediction_rate(actual, p95, 0.01),
        }
    return figures


def evaluate_baselines(dataset: Dataset) -> dict[str, float]:
    """Accuracy (1 - WAPE) of every baseline: ``cpu_accuracy_persistence_300s`` ... NaN where a baseline knows nothing."""
    return {
        f"{dataset.resource}_accuracy_{name}_{target.suffix}": metrics.accuracy(dataset.targets[:, position], values[:, position])
        for name, values in ((name, baseline(dataset)) for name, baseline in BASELINES.items())
        for position, target in enumerate(TARGETS)
    }
