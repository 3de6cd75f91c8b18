"""A small made-up run of node tables whose future follows from what they say."""

import numpy as np
import pytest
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting.dataset import Dataset, build_dataset
from hydatis_forecasting.use_history import UseHistory

TICK = 300
START = 1_375_000_200


def run_of_tables(ticks: int = 120, nodes: int = 20, seed: int = 7) -> list[NodeTable]:
    """Tables of nodes that swing with a period of two hours, each from its own phase, plus noise."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, nodes)
    names = tuple(f"node-{i}" for i in range(nodes))
    tables = []
    for tick in range(ticks):
        values = np.full((nodes, len(SCHEMA.names)), np.nan, dtype=np.float32)
        angle = phase + 2 * np.pi * tick * TICK / 7200

        def put(name: str, column: np.ndarray, values: np.ndarray = values) -> None:
            values[:, SCHEMA.index[name]] = column

        put("cpu_used_ratio", 0.4 + 0.2 * np.sin(angle) + rng.normal(0, 0.01, nodes))
        put("cpu_used_slope_1h_ratio_per_hour", np.cos(angle))
        put("memory_used_ratio", np.full(nodes, 0.3))
        put("cpu_used_mean_1h_ratio", np.full(nodes, 0.4))
        put("cpu_used_max_1h_ratio", np.full(nodes, 0.6))
        put("cpu_used_max_15m_ratio", np.full(nodes, 0.5))
        put("usage_age_seconds", np.zeros(nodes))
        tables.append(NodeTable(START + tick * TICK, names, SCHEMA.names, values, SCHEMA.hashes, tick_seconds=float(TICK)))
    return tables


@pytest.fixture(scope="session")
def tables() -> list[NodeTable]:
    return run_of_tables()


@pytest.fixture(scope="session")
def dataset(tables: list[NodeTable]) -> Dataset:
    return build_dataset(tables, UseHistory.from_tables(tables), "cpu")
