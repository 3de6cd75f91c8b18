"""The simple forecasts that a model has to beat.

Each says, without any training, what the six targets of a row will be. For a maximum the newest use is a poor guess, since the
highest of many samples is above the typical one; so the largest use of the last hour stands beside it as the honest rival.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hydatis_forecasting.dataset import Dataset
from hydatis_forecasting.targets import TARGETS

__all__ = ["BASELINES", "moving_max", "moving_mean", "persistence", "same_time_yesterday"]


def _all_targets(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(values[:, None], len(TARGETS), axis=1)


def persistence(dataset: Dataset) -> NDArray[np.float32]:
    """It stays as it is: the newest use, for all targets. shape (m, 6), shares."""
    return _all_targets(dataset.current)


def same_time_yesterday(dataset: Dataset) -> NDArray[np.float32]:
    """It goes as it went a day ago: the point at t + h - 24 h, the maximum over (t - 24 h, t + h - 24 h].

    shape (m, 6), NaN unknown.
    """
    return dataset.yesterday


def moving_mean(dataset: Dataset) -> NDArray[np.float32]:
    """It is what it was on average over the last hour, for all targets. shape (m, 6), NaN unknown."""
    return _all_targets(dataset.column(f"{dataset.resource}_used_mean_1h_ratio"))


def moving_max(dataset: Dataset) -> NDArray[np.float32]:
    """It gets as high as in the last hour (up to 15 minutes ahead: the last 15 minutes). shape (m, 6), NaN unknown."""
    last_hour = dataset.column(f"{dataset.resource}_used_max_1h_ratio")
    last_quarter = dataset.column(f"{dataset.resource}_used_max_15m_ratio")
    return np.stack([last_hour if target.horizon_seconds > 900 else last_quarter for target in TARGETS], axis=1)


#: By name, all baselines.
BASELINES: dict[str, Callable[[Dataset], NDArray[np.float32]]] = {
    "persistence": persistence,
    "same_time_yesterday": same_time_yesterday,
    "moving_mean": moving_mean,
    "moving_max": moving_max,
}
