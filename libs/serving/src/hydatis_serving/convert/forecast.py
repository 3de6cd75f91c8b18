"""hydatis.forecast.v1: forecasts of all nodes in parts, and of some nodes in one answer.

The layout of the columns is stated once, in hydatis_forecasting.targets; what arrives in another layout is refused, since a
forecast read by the wrong column is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis.forecast.v1 import forecast_pb2
from hydatis_core.errors import InvalidValue, UnknownColumn, WrongShape
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import COLUMNS
from numpy.typing import NDArray

from hydatis_serving.wire import MAX_NODE_COUNT, matrix_from_bytes, to_float32_bytes, to_int32_bytes

__all__ = ["CHUNK_BYTES", "ForecastAssembly", "forecast_response_from_proto", "forecast_response_to_proto", "forecast_to_protos"]

#: Most bytes of values in one part.
CHUNK_BYTES = 2**20
#: Models whose versions a row names: cpu-forecaster, memory-forecaster.
MODEL_COUNT = 2

Parts = forecast_pb2.WatchForecastsResponse | forecast_pb2.ForecastNodesResponse


def forecast_to_protos(table: ForecastTable) -> list[forecast_pb2.WatchForecastsResponse]:
    """A whole forecast as parts of at most 1 MiB."""
    step = CHUNK_BYTES // (4 * len(COLUMNS))
    versions = _versions(table)
    return [
        forecast_pb2.WatchForecastsResponse(
            generation=table.generation,
            columns=COLUMNS,
            first_row=first,
            row_count=min(step, table.node_count - first),
            total_row_count=table.node_count,
            values=to_float32_bytes(table.values[first : first + step]),
            model_versions=versions,
            row_versions=b"" if table.row_versions is None else to_int32_bytes(table.row_versions[first : first + step]),
        )
        for first in range(0, table.node_count, step)
    ]


class ForecastAssembly:
    """A forecast being received: made of its first part, fed with all parts, whole when the last row is there."""

    def __init__(self, first: forecast_pb2.WatchForecastsResponse) -> None:
        if not 0 < first.total_row_count <= MAX_NODE_COUNT:
            raise InvalidValue(f"{first.total_row_count} rows", field="total_row_count", expected=f"1..{MAX_NODE_COUNT}")
        self.generation = first.generation
        self._total = first.total_row_count
        self._versions = _model_versions(first)
        self._values: NDArray[np.float32] = np.empty((self._total, len(COLUMNS)), dtype=np.float32)
        self._row_versions: NDArray[np.int32] | None = (
            np.empty((self._total, MODEL_COUNT), dtype=np.int32) if first.row_versions else None
        )
        self._taken = 0

    def take(self, part: forecast_pb2.WatchForecastsResponse) -> ForecastTable | None:
        """Takes the next part; parts come in row order without gaps.

        Returns:
            The whole forecast once its last row is there, else None.

        Raises:
            WrongShape: the part does not follow those before it.
            UnknownColumn: the columns are not those of ``targets.COLUMNS``.
        """
        end = part.first_row + part.row_count
        if part.generation != self.generation or part.total_row_count != self._total or part.row_count <= 0:
            shown = f"a part of {part.total_row_count} rows of generation {part.generation} came within another"
            raise WrongShape(shown, field="total_row_count", expected=f"{self._total} rows of {self.generation}")
        if part.first_row != self._taken or end > self._total:
            shown = f"rows {part.first_row}..{end - 1} do not follow the {self._taken} taken of {self._total}"
            raise WrongShape(shown, field="first_row", expected=f"rows from {self._taken}")
        if _model_versions(part) != self._versions or bool(part.row_versions) != (self._row_versions is not None):
            raise InvalidValue("the parts name different versions", field="model_versions", expected="the same in every part")
        self._values[part.first_row : end] = _values(part)
        if self._row_versions is not None:
            self._row_versions[part.first_row : end] = _row_versions(part)
        self._taken = end
        if end < self._total:
            return None
        return ForecastTable(self.generation, self._values, self._versions, self._row_versions)


def forecast_response_to_proto(table: ForecastTable, rows: NDArray[np.int32] | None = None) -> forecast_pb2.ForecastNodesResponse:
    """Forecasts of some rows, or of all of them."""
    values = table.values if rows is None else table.values[rows]
    versions = table.row_versions
    if versions is not None and rows is not None:
        versions = versions[rows]
    return forecast_pb2.ForecastNodesResponse(
        generation=table.generation,
        columns=COLUMNS,
        row_count=len(values),
        values=to_float32_bytes(values),
        model_versions=_versions(table),
        row_versions=b"" if versions is None else to_int32_bytes(versions),
    )


def forecast_response_from_proto(message: forecast_pb2.ForecastNodesResponse) -> ForecastTable:
    """The forecasts asked for, as a table whose rows are in the order asked for.

    Raises:
        UnknownColumn, WrongShape, InvalidValue: the message is not what its comments say.
    """
    versions = _row_versions(message) if message.row_versions else None
    return ForecastTable(message.generation, _values(message), _model_versions(message), versions)


def _versions(table: ForecastTable) -> list[forecast_pb2.ModelVersion]:
    return [forecast_pb2.ModelVersion(model=model, version=version) for model, version in table.model_versions]


def _model_versions(message: Parts) -> tuple[tuple[str, str], ...]:
    return tuple((entry.model, entry.version) for entry in message.model_versions)


def _values(message: Parts) -> NDArray[np.float32]:
    _check_columns(message.columns)
    return matrix_from_bytes(message.values, message.row_count, len(COLUMNS))


def _check_columns(columns: Sequence[str]) -> None:
    if tuple(columns) != COLUMNS:
        wrong = next((name for name in columns if name not in COLUMNS), "")
        shown = f"column {wrong!r} is not forecast" if wrong else f"{len(columns)} columns in another order"
        raise UnknownColumn(shown, field="columns", expected="those of hydatis_forecasting.targets, in their order")


def _row_versions(message: Parts) -> NDArray[np.int32]:
    if len(message.row_versions) != message.row_count * MODEL_COUNT * 4:
        shown = f"{len(message.row_versions)} bytes do not hold {message.row_count} x {MODEL_COUNT} int32"
        raise WrongShape(shown, field="row_versions", expected=f"{message.row_count * MODEL_COUNT * 4} bytes")
    return np.frombuffer(message.row_versions, dtype="<i4").reshape(message.row_count, MODEL_COUNT)
