"""What every model that forecasts must do, whatever is inside it: one list of checks that any model can be put through.

A new model is judged by its figures, but first by these: that the same seed gives the same model, that it leaves its input alone,
that unknown stays unknown, and that what comes back from its files is the same model, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_forecasting.inputs import use_column

__all__ = ["Forecaster", "findings"]


class Forecaster(Protocol):
    """A model that forecasts one resource; ``model.QuantileForecaster`` is one."""

    @property
    def resource(self) -> str:
        """ "cpu" or "memory"."""

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """(name, definition hash) of its inputs, in the order rows come in."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it answers."""

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """shape (n, columns) -> shape (n, outputs)."""

    def predict_table(self, table: NodeTable) -> NDArray[np.float32]:
        """The same of a table, whose columns are found by name."""

    def to_files(self) -> dict[str, bytes]:
        """The model as files."""


def _same(left: NDArray[np.float32], right: NDArray[np.float32]) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()


def findings(
    train: Callable[[], Forecaster], load: Callable[[dict[str, bytes]], Forecaster], rows: NDArray[np.float32]
) -> list[str]:
    """Puts a kind of model through all checks.

    Args:
        train: trains a model from one seed; called twice.
        load: makes a model from its files.
        rows: shape (n >= 2, columns), float32 inputs with every newest use known.

    Returns:
        A sentence for every check it fails; empty: it passes.
    """
    model, twin = train(), train()
    untouched = rows.copy()
    answer = model.predict(rows)
    changed = not _same(untouched, rows)
    rows = untouched
    names = [name for name, _ in model.columns]
    base = names.index(use_column(model.resource))
    blind = rows.copy()
    blind[0, base] = np.nan
    blind_answer = model.predict(blind)
    bare = np.full_like(rows, np.nan)
    bare[:, base] = rows[:, base]
    backwards = NodeTable(
        generation=1,
        node_names=tuple(f"node-{row}" for row in range(len(rows))),
        columns=tuple(reversed(names)),
        values=np.ascontiguousarray(rows[:, ::-1]),
        column_hashes=tuple(definition for _, definition in reversed(model.columns)),
    )
    outcomes = {
        "two trainings with one seed differ": _same(answer, twin.predict(rows)) and model.to_files() == twin.to_files(),
        "the shape is not rows x outputs, float32": answer.shape == (len(rows), len(model.outputs)) and answer.dtype == np.float32,
        "no rows do not give no forecasts": model.predict(rows[:0]).shape == (0, len(model.outputs)),
        "the input was changed": not changed,
        "a forecast is unknown though the newest use is known": bool(np.isfinite(answer).all()),
        "a forecast is below 0": bool((answer >= 0).all()),
        "a p95 is below its p50": bool((answer[:, 1::2] >= answer[:, 0::2]).all()),
        "a forecast is known though the newest use is not": bool(np.isnan(blind_answer[0]).all()),
        "an unknown row changes the forecast of another": _same(blind_answer[1:], answer[1:]),
        "unknown inputs other than the newest use make the forecast unknown": bool(np.isfinite(model.predict(bare)).all()),
        "a row's forecast hangs on the rows beside it": _same(model.predict(rows[1:2]), answer[1:2]),
        "columns are taken by place and not by name": _same(model.predict_table(backwards), answer),
        "what is loaded from its files forecasts otherwise": _same(load(model.to_files()).predict(rows), answer),
        "what is loaded from its files has other files": load(model.to_files()).to_files() == model.to_files(),
    }
    return [finding for finding, passed in outcomes.items() if not passed]
