"""What came of a node's forecasts corrects its next ones, in the running service."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting.targets import COLUMNS
from hydatis_serving.testing import table_of_use

P95 = COLUMNS.index("cpu_p95_300s")


def _measured(tick: int, use: np.ndarray) -> NodeTable:
    """A table of fresh measurements, a tick being 5 minutes."""
    table = table_of_use(300 * tick, use)
    values = table.values.copy()
    values[:, SCHEMA.index["usage_age_seconds"]] = 0.0
    return replace(table, values=values, tick_seconds=300.0)


async def test_a_node_that_outgrows_its_p95_is_given_a_higher_one(world):
    for tick in range(1, 40):
        use = np.array([0.3 + 0.01 * tick, 0.5])  # the first grows at every tick, the second stays as it is
        world.features.publish(_measured(tick, use))
        forecast = await world.forecast(300 * tick)
    above = forecast.values[:, P95] - use
    assert above[0] > 0.01
    assert 0 <= above[1] < 0.005
