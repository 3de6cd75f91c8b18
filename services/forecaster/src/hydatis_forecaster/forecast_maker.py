"""One tick's forecast: every node through both models, joined to one table.

A forecast of CPU without one of memory would let a placement fill what it cannot see, so there is a forecast of a tick when both
models answered for every node, and none otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from hydatis_core.errors import DependencyUnavailable
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import CPU_COLUMNS, MEMORY_COLUMNS
from hydatis_serving.model_client import ModelAnswer
from numpy.typing import NDArray

from hydatis_forecaster.shards import shards

__all__ = ["MODELS", "ForecastMaker", "Model"]

#: Name of each model and the columns it must answer, in the order of ``ForecastTable.row_versions``.
MODELS: tuple[tuple[str, tuple[str, ...]], ...] = (("cpu-forecaster", CPU_COLUMNS), ("memory-forecaster", MEMORY_COLUMNS))


class Model(Protocol):
    """A served model, as ``hydatis_serving.model_client.ModelClient`` reaches it."""

    async def infer(self, rows: NDArray[np.float32], columns: Sequence[tuple[str, str]], timeout_seconds: float) -> ModelAnswer:
        """Outputs for rows: float32 of shape (rows, outputs)."""
        ...


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

    async def make(self, table: NodeTable) -> ForecastTable:
        """The forecast of a table.

        Raises:
            HydatisError: a model did not answer, refused, or answered something else than its columns or than shares >= 0.
        """
        parts = shards(len(table.node_names), self._shard_count)
        calls = [self._answer(table, model, part) for model in range(len(MODELS)) for part in parts]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        return _join(table.generation, parts, [_answered(answer) for answer in answers])

    async def _answer(self, table: NodeTable, model: int, part: slice) -> ModelAnswer:
        columns = list(zip(table.columns, table.column_hashes, strict=True))
        return await self._models[model].infer(table.values[part], columns, self._timeout_seconds)


def _answered(answer: ModelAnswer | BaseException) -> ModelAnswer:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _join(generation: int, parts: tuple[slice, ...], answers: list[ModelAnswer]) -> ForecastTable:
    """Answers stand model by model, shard by shard."""
    row_count = parts[-1].stop if parts else 0
    values = np.empty((row_count, sum(len(columns) for _, columns in MODELS)), dtype=np.float32)
    row_versions = np.zeros((row_count, len(MODELS)), dtype=np.int32)
    versions: dict[tuple[str, str], int] = {}
    first_column = 0
    for position, (model, columns) in enumerate(MODELS):
        for part, answer in zip(parts, answers[position * len(parts) :], strict=False):
            values[part, first_column : first_column + len(columns)] = _in_order(model, answer, columns, part.stop - part.start)
            row_versions[part, position] = versions.setdefault((model, answer.version), len(versions))
        first_column += len(columns)
    several = len(versions) > len(MODELS)
    return ForecastTable(generation, values, tuple(versions), row_versions if several else None)


def _in_order(model: str, answer: ModelAnswer, columns: tuple[str, ...], row_count: int) -> NDArray[np.float32]:
    if set(answer.outputs) != set(columns) or answer.values.shape != (row_count, len(columns)):
        shown = f"{model} {answer.version} answered {answer.values.shape} of {', '.join(answer.outputs)[:200]}"
        raise DependencyUnavailable(shown, field="outputs", expected=f"{row_count} rows of its {len(columns)} columns")
    if answer.outputs == columns:
        return answer.values
    return answer.values[:, [answer.outputs.index(column) for column in columns]]
