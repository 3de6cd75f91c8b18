"""Rows of a made-up fleet, as the node table would hold them."""

import numpy as np
import pytest
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_anomaly.inputs import INPUTS, columns_of
from hydatis_anomaly.training import train

COLUMNS = columns_of(INPUTS)
NAMES = [name for name, _ in COLUMNS]


def make_fleet(count: int, seed: int) -> np.ndarray:
    """Nodes at moderate load: shares around 0.4, small spreads, rates in proportion to cores."""
    rng = np.random.default_rng(seed)
    cores = rng.choice([8.0, 32.0, 64.0], count)
    rows = np.empty((count, len(NAMES)), dtype=np.float32)
    for place, name in enumerate(NAMES):
        if name == "cpu_allocatable_cores":
            rows[:, place] = cores
        elif name.endswith("bytes_per_second"):
            rows[:, place] = cores * rng.lognormal(10, 0.5, count)
        elif "std" in name or "volatility" in name or "change" in name or "slope" in name:
            rows[:, place] = rng.normal(0.03, 0.01, count)
        else:
            rows[:, place] = rng.normal(0.4, 0.05, count)
    return rows


@pytest.fixture(scope="session")
def fleet() -> np.ndarray:
    return make_fleet(1500, seed=5)


@pytest.fixture(scope="session")
def fresh_fleet() -> np.ndarray:
    return make_fleet(500, seed=6)


@pytest.fixture(scope="session")
def forest(fleet: np.ndarray) -> IsolationForestArrays:
    return train(fleet, seed=1)
