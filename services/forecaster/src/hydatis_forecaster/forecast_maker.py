"""One tick's forecast: every node through both models, joined to one table.

A forecast of CPU without one of memory would let a placement fill what it cannot see, so there is a forecast of a tick when both
models answered for every node, and none otherwise. What the models say is then corrected node by node by what came of earlier
forecasts (``hydatis_forecasting.rolling_calibration``): the models are alike for all nodes, nodes are not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hydatis_core.errors import DependencyUnavailable
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.rolling_calibration import RollingCalibration
from hydatis_forecasting.targets import CPU_COLUMNS, MEMORY_COLUMNS
from hydatis_serving.shards import Model, ShardAnswer, ask_in_shards
from numpy.typing import NDArray

__all__ = ["MODELS", "ForecastMaker"]

#: Name of each model and the columns it must answer, in the order of ``ForecastTable.row_versions``.
MODELS: tuple[tuple[str, tuple[str, ...]], ...] = (("cpu-forecaster", CPU_COLUMNS), ("memory-forecaster", MEMORY_COLUMNS))


class ForecastMaker:
    """Makes forecasts of whole tables.

    Args:
        models: the two models, in the order of ``MODELS``.
        shard_count: in how many calls the nodes are sent to each.
        timeout_seconds: how long one call may take.
    """

    def __init__(self, models: tuple[Model, Model], shard_count: int, timeout_seconds: float) -> None:
        self._models = models
        self._shard_count = shard_count
        self._timeout_seconds = timeout_seconds
        self._calibration = RollingCalibration()

    async def make(self, table: NodeTable) -> ForecastTable:
        """The forecast of a table. Tables come in order of time; the same one again gives the same forecast.

        Raises:
            HydatisError: a model did not answer, refused, or answered something else than its columns or than shares >= 0.
        """
        answered = await ask_in_shards(self._models, table, self._shard_count, self._timeout_seconds)
        said = _join(table.generation, len(table.node_names), answered)
        return replace(said, values=self._calibration.corrected(table, said.values))


def _join(generation: int, row_count: int, answered: list[list[ShardAnswer]]) -> ForecastTable:
    values = np.empty((row_count, sum(len(columns) for _, columns in MODELS)), dtype=np.float32)
    row_versions = np.zeros((row_count, len(MODELS)), dtype=np.int32)
    versions: dict[tuple[str, str], int] = {}
    first_column = 0
    for position, ((model, columns), shards) in enumerate(zip(MODELS, answered, strict=True)):
        for shard in shards:
            values[shard.rows, first_column : first_column + len(columns)] = _in_order(model, shard, columns)
            row_versions[shard.rows, position] = versions.setdefault((model, shard.answer.version), len(versions))
        first_column += len(columns)
    several = len(versions) > len(MODELS)
    return ForecastTable(generation, values, tuple(versions), row_versions if several else None)


def _in_order(model: str, shard: ShardAnswer, columns: tuple[str, ...]) -> NDArray[np.float32]:
    answer = shard.answer
    if set(answer.outputs) != set(columns) or answer.values.shape != (shard.row_count, len(columns)):
        shown = f"{model} {answer.version} answered {answer.values.shape} of {', '.join(answer.outputs)[:200]}"
        raise DependencyUnavailable(shown, field="outputs", expected=f"{shard.row_count} rows of its {len(columns)} columns")
    if answer.outputs == columns:
        return answer.values
    return answer.values[:, [answer.outputs.index(column) for column in columns]]
