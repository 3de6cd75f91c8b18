"""Trains a quantile forecaster on the past and calibrates it on what came next.

The order of things is the order of time: the trees see the first slice, early stopping and calibration each see a later one, and
what comes after that is left for judging. Everything random hangs on one seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_forecasting.calibration import p95_offsets
from hydatis_forecasting.dataset import Dataset
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.shape import shape_of
from hydatis_forecasting.targets import QUANTILES, TARGETS
from hydatis_forecasting.time_split import split_by_time

__all__ = ["Progress", "TrainingParameters", "train", "train_and_calibrate"]

#: Called with (steps done, steps in total, what is being done).
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class TrainingParameters:
    """How the trees are grown. The defaults predict 12 outputs of 5,000 nodes in well under 150 ms on one thread."""

    rounds: int = 60
    """Boosting rounds per target at most; a round is a tree for p50 and one for p95. Predicting costs rounds x 12 trees."""
    max_depth: int = 6
    learning_rate: float = 0.1
    """Shrinkage per round, 0..1."""
    min_leaf_rows: float = 20.0
    """Rows a leaf has at least."""
    row_share: float = 0.8
    """Share of the rows each tree sees, 0..1."""
    column_share: float = 0.8
    """Share of the columns each tree sees, 0..1."""
    l2: float = 1.0
    """L2 penalty on leaf values, >= 0."""
    bin_count: int = 64
    """Histogram bins per column."""
    early_stopping_rounds: int | None = None
    """Stop a target when its held-out pinball loss has not improved for this many rounds. None: grow all rounds."""
    row_count_at_most: int = 150_000
    """A larger training slice is thinned to this many rows, drawn at random."""

    def __post_init__(self) -> None:
        wrong = [name for name in ("rounds", "max_depth", "bin_count", "row_count_at_most") if getattr(self, name) < 1]
        wrong += [name for name in ("learning_rate", "row_share", "column_share") if not 0.0 < getattr(self, name) <= 1.0]
        if wrong:
            raise InvalidValue(
                f"{getattr(self, wrong[0])!r} is out of range", field=wrong[0], expected="a count >= 1, a share in (0, 1]"
            )


def _untold(*_: object) -> None:
    """Nobody wants to know."""


class _Rounds(xgboost.callback.TrainingCallback):
    """Tells the progress of one target's rounds."""

    def __init__(self, progress: Progress, target_position: int, rounds: int, text: str) -> None:
        super().__init__()
        self._told = (progress, target_position, rounds, text)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        progress, position, rounds, text = self._told
        progress(position * rounds + epoch + 1, rounds * len(TARGETS), text)
        return False


def _matrix(
    dataset: Dataset, parameters: TrainingParameters, nthread: int, reference: Any = None
) -> tuple[Any, NDArray[np.float32]]:
    """Shapes as xgboost takes them, and the changes in units of the scale, (m, 6).

    Errors are judged in shares, so that a row of a large scale weighs more; but the largest few must not be all that is learned:
    the weight is the square root of the scale.
    """
    shape = shape_of([name for name, _ in dataset.columns], dataset.rows, dataset.resource)
    weight = np.sqrt(shape.scale / shape.scale.mean())
    matrix = xgboost.QuantileDMatrix(shape.rows, weight=weight, max_bin=parameters.bin_count, nthread=nthread, ref=reference)
    return matrix, (dataset.targets - shape.used[:, None]) / shape.scale[:, None]


def train(
    dataset: Dataset,
    *,
    seed: int,
    parameters: TrainingParameters | None = None,
    validation: Dataset | None = None,
    nthread: int = 1,
    progress: Progress = _untold,
) -> QuantileForecaster:
    """Grows the trees of one resource. The result is not calibrated.

    Args:
        dataset: training rows.
        seed: all that is random follows from it: the same seed, rows and thread count give the same bytes.
        parameters: how the trees are grown; None: the defaults.
        validation: later rows to stop early on; needed if and only if ``early_stopping_rounds`` is set.
        nthread: threads to train with.
        progress: told after every round.

    Raises:
        InvalidValue: no rows, or early stopping without validation rows.
    """
    parameters = parameters or TrainingParameters()
    stopping = parameters.early_stopping_rounds
    if len(dataset.rows) == 0:
        raise InvalidValue("there are no rows to train on", field="dataset", expected="one or more rows")
    if stopping is not None and (validation is None or len(validation.rows) == 0):
        raise InvalidValue("early stopping without rows", field="validation", expected="rows later than those of training")
    if len(dataset.rows) > parameters.row_count_at_most:
        drawn = generator(seed, "forecasting-rows").choice(len(dataset.rows), parameters.row_count_at_most, replace=False)
        dataset = dataset.where(np.sort(drawn))
    settings = {
        "objective": "reg:quantileerror",
        "quantile_alpha": [quantile for _, quantile in QUANTILES],
        "tree_method": "hist",
        "max_depth": parameters.max_depth,
        "learning_rate": parameters.learning_rate,
        "min_child_weight": parameters.min_leaf_rows,
        "subsample": parameters.row_share,
        "colsample_bytree": parameters.column_share,
        "reg_lambda": parameters.l2,
        "max_bin": parameters.bin_count,
        "nthread": nthread,
        "verbosity": 0,
    }
    matrix, changes = _matrix(dataset, parameters, nthread)
    later, later_changes = (
        _matrix(validation, parameters, nthread, matrix) if stopping is not None and validation is not None else (None, None)
    )
    boosters = []
    for position, target in enumerate(TARGETS):
        matrix.set_info(label=changes[:, position])
        if later is not None and later_changes is not None:
            later.set_info(label=later_changes[:, position])
        booster = xgboost.train(
            {**settings, "seed": int(generator(seed, f"forecasting-{target.suffix}").integers(2**31))},
            matrix,
            num_boost_round=parameters.rounds,
            evals=[(later, "validation")] if later is not None else [],
            early_stopping_rounds=stopping,
            verbose_eval=False,
            callbacks=[_Rounds(progress, position, parameters.rounds, f"{dataset.resource} {target.suffix}")],
        )
        if stopping is not None:
            booster = booster[: booster.best_iteration + 1]
        boosters.append(booster)
    return QuantileForecaster(dataset.resource, dataset.columns, boosters)


def train_and_calibrate(
    dataset: Dataset,
    *,
    seed: int,
    parameters: TrainingParameters | None = None,
    calibration_share: float = 0.1,
    nthread: int = 1,
    progress: Progress = _untold,
) -> QuantileForecaster:
    """Trains on the earlier part of the rows and calibrates the p95 columns on the last ``calibration_share`` of their time span.

    With early stopping the rows before the calibration slice are split once more: the last tenth of them is to stop on. Rows to
    judge the model with must be later than all of ``dataset`` (``time_split.split_by_time``).

    Raises:
        InvalidValue: too few rows for the slices.
    """
    parameters = parameters or TrainingParameters()
    early, late = split_by_time(dataset.generations, (1.0 - calibration_share, calibration_share))
    training, validation = dataset.where(early), None
    if parameters.early_stopping_rounds is not None:
        first, last = split_by_time(training.generations, (0.9, 0.1))
        training, validation = training.where(first), training.where(last)
    model = train(training, seed=seed, parameters=parameters, validation=validation, nthread=nthread, progress=progress)
    held_out = dataset.where(late)
    return model.calibrated(p95_offsets(model.residuals(held_out.rows, held_out.targets)))
