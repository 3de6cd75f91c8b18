"""The forecasts that cost nothing."""

import numpy as np
from hydatis_forecasting.baselines import BASELINES
from hydatis_forecasting.dataset import Dataset


def test_each_baseline_says_what_its_name_says(dataset: Dataset) -> None:
    said = {name: baseline(dataset) for name, baseline in BASELINES.items()}
    assert all(values.shape == dataset.targets.shape for values in said.values())
    assert (said["persistence"] == dataset.current[:, None]).all()
    assert np.allclose(said["moving_mean"], 0.4)
    assert np.allclose(said["moving_max"][0], [0.5, 0.5, 0.5, 0.5, 0.6, 0.6])
    assert np.isnan(said["same_time_yesterday"]).all()  # the record is ten hours long
