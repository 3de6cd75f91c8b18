"""The quantile forecaster: boosted trees that say how much the use of a resource will change.

Trees cannot extrapolate, but loads grow. Forecasting the change from the newest use, rather than the use itself, lets a node that
is fuller than any in training still be forecast sensibly, and makes "it stays as it is" the default the trees have to improve on.

    forecast = newest use + scale (change of the trees + calibration offset), then ``coherence.cohere``

with the scale and the inputs of the trees of ``shape``: the same trees serve small nodes and large ones, quiet and busy.

One booster per target (6 of them), each with a tree for p50 and one for p95 per round.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import xgboost
from hydatis_core.errors import ArtifactRefused, InvalidValue, UnknownColumn, WrongShape
from hydatis_features.schema import match_columns
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_forecasting.coherence import cohere
from hydatis_forecasting.inputs import use_column
from hydatis_forecasting.shape import shape_of
from hydatis_forecasting.targets import QUANTILES, RESOURCES, TARGETS, columns_of

__all__ = ["FORMAT", "HEADER_FILE", "QuantileForecaster"]

FORMAT = "hydatis-quantile-forecaster/2"
HEADER_FILE = "forecaster.json"
_HEADER_KEYS = {"format", "resource", "columns", "outputs", "offsets", "digests"}


def _tree_file(suffix: str) -> str:
    return f"trees_{suffix}.ubj"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class QuantileForecaster:
    """Forecasts one resource of any number of nodes.

    Args:
        resource: "cpu" or "memory".
        columns: (name, definition hash) of the input columns, in the order rows come in; the newest use is among them.
        boosters: one per target, in the order of ``targets.TARGETS``, each with outputs p50 and p95 of the change,
            in units of ``shape``'s scale.
        offsets: shape (12,), in the same unit, added to the outputs; None: zeros (not calibrated).

    Raises:
        InvalidValue: not a resource, or offsets that are not finite.
        UnknownColumn: the newest use is not among the columns.
        WrongShape: not 6 boosters of the shapes of these columns, or not 12 offsets.
    """

    def __init__(
        self,
        resource: str,
        columns: Sequence[tuple[str, str]],
        boosters: Sequence[xgboost.Booster],
        offsets: NDArray[np.float64] | None = None,
    ) -> None:
        if resource not in RESOURCES:
            raise InvalidValue(f"{resource!r} is not a resource", field="resource", expected="cpu or memory")
        names = [name for name, _ in columns]
        if use_column(resource) not in names:
            raise UnknownColumn(f"the newest use {use_column(resource)!r} is not among the inputs", field="columns")
        width = shape_of(names, np.zeros((1, len(names)), dtype=np.float32), resource).rows.shape[1]
        if len(boosters) != len(TARGETS) or any(booster.num_features() != width for booster in boosters):
            raise WrongShape("boosters do not fit", field="boosters", expected=f"{len(TARGETS)} boosters of {width} shapes")
        self.resource = resource
        self.columns = tuple(columns)
        self.outputs = columns_of(resource)
        self.offsets = np.zeros(len(self.outputs)) if offsets is None else np.array(offsets, dtype=np.float64)
        if self.offsets.shape != (len(self.outputs),):
            raise WrongShape(f"{self.offsets.shape} offsets", field="offsets", expected=f"({len(self.outputs)},)")
        if not np.isfinite(self.offsets).all():
            raise InvalidValue("an offset is not finite", field="offsets", expected="finite numbers")
        self._names = tuple(names)
        self._boosters = tuple(boosters)
        for booster in self._boosters:
            # Several servers share the cores of a machine, where threads of one spin against those of the others.
            booster.set_param({"nthread": 1})

    @property
    def tree_count(self) -> int:
        """How many trees a row passes: what predicting costs."""
        return sum(booster.num_boosted_rounds() for booster in self._boosters) * len(QUANTILES)

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Forecasts of nodes.

        Args:
            rows: shape (n, len(self.columns)), float32, columns in the order of ``self.columns``. NaN: unknown. Not changed.

        Returns:
            shape (n, 12), float32, columns ``self.outputs``: use as a share of allocatable, >= 0, may pass 1; p95 >= p50 and maxima
            as ``coherence.cohere`` says. A row whose newest use is unknown is NaN throughout.

        Raises:
            WrongShape: not float32 rows of that many columns.
            InvalidValue: a value is infinite.
        """
        scale, values = self._predict(rows)
        values += scale[:, None] * self.offsets.astype(np.float32)
        return cohere(values)

    def residuals(self, rows: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float64]:
        """What came less what the trees say, without offsets, in units of the scale: what calibration measures.

        Args:
            rows: as ``predict`` takes them.
            targets: shape (n, 6), what came.

        Returns:
            shape (n, 12), float64, NaN unknown. Errors of ``predict``.
        """
        scale, values = self._predict(rows)
        return (np.repeat(targets, len(QUANTILES), axis=1).astype(np.float64) - values) / scale[:, None]

    def _predict(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The scale, shape (n,), and newest use plus change, shape (n, 12)."""
        if rows.ndim != 2 or rows.shape[1] != len(self.columns) or rows.dtype != np.float32:
            shown = f"{rows.dtype} rows of shape {rows.shape}"
            raise WrongShape(shown, field="rows", expected=f"float32 of shape (n, {len(self.columns)})")
        if np.isinf(rows).any():
            raise InvalidValue("a value is infinite", field="rows", expected="finite values, or NaN for unknown")
        shape = shape_of(self._names, rows, self.resource)
        answer = np.empty((len(rows), len(self.outputs)), dtype=np.float32)
        if len(rows):
            for position, booster in enumerate(self._boosters):
                answer[:, 2 * position : 2 * position + 2] = booster.inplace_predict(shape.rows)
        answer *= shape.scale[:, None]
        answer += shape.used[:, None]
        return shape.scale, answer

    def predict_table(self, table: NodeTable) -> NDArray[np.float32]:
        """Forecasts of all nodes of a table, whose columns are found by name and definition.

        Raises:
            UnknownColumn: the table lacks an input, or has it with another definition.
        """
        offered = dict(zip(table.columns, table.column_hashes, strict=True))
        positions = match_columns(list(self.columns), offered, table.column_index)
        return self.predict(np.ascontiguousarray(table.values[:, positions]))

    def calibrated(self, offsets: NDArray[np.float64]) -> QuantileForecaster:
        """The same trees with other offsets, shape (12,)."""
        return QuantileForecaster(self.resource, self.columns, self._boosters, offsets)

    def to_files(self) -> dict[str, bytes]:
        """The forecaster as files by name: a JSON header and one .ubj (UBJSON) per target. No pickle."""
        trees = {
            _tree_file(target.suffix): bytes(booster.save_raw("ubj"))
            for target, booster in zip(TARGETS, self._boosters, strict=True)
        }
        header = {
            "format": FORMAT,
            "resource": self.resource,
            "columns": [list(column) for column in self.columns],
            "outputs": list(self.outputs),
            "offsets": self.offsets.tolist(),
            "digests": {name: _digest(trees[name]) for name in trees},
        }
        return {HEADER_FILE: json.dumps(header, indent=1).encode()} | trees

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> QuantileForecaster:
        """The forecaster that ``to_files`` wrote; its forecasts are equal bit by bit.

        Trees are compared with their digests in the header before xgboost sees them: its parser is not made for damaged bytes (a
        truncated file can make it ask for all memory there is). Who wrote them is for the loader of artifacts to verify.

        Raises:
            ArtifactRefused: a file is missing, or is not what it should be.
        """
        try:
            header = json.loads(files[HEADER_FILE])
            if set(header) != _HEADER_KEYS or header["format"] != FORMAT:
                raise ArtifactRefused(f"{HEADER_FILE} is not a header", field=HEADER_FILE, expected=f"format {FORMAT}")
            if tuple(header["outputs"]) != columns_of(header["resource"]):
                raise ArtifactRefused(
                    "other outputs than the forecast has", field="outputs", expected="those of targets.columns_of"
                )
            names = [_tree_file(target.suffix) for target in TARGETS]
            for name in names:
                if _digest(files[name]) != header["digests"][name]:
                    raise ArtifactRefused(
                        f"{name} is not the file that was written", field=name, expected="its digest in the header"
                    )
            boosters = [xgboost.Booster(model_file=bytearray(files[name])) for name in names]
            columns = [(str(name), str(definition)) for name, definition in header["columns"]]
            return cls(header["resource"], columns, boosters, np.array(header["offsets"], dtype=np.float64))
        except KeyError as missing:
            raise ArtifactRefused(f"{missing.args[0]!r} is missing", field="files", expected="the files of to_files") from None
        except (ValueError, TypeError, AttributeError, xgboost.core.XGBoostError, InvalidValue, WrongShape, UnknownColumn) as cause:
            raise ArtifactRefused(
                f"not a forecaster: {str(cause)[:200]}", field="files", expected="the files of to_files"
            ) from cause
