"""train-forecaster: a quantile forecaster of one resource, judged on days it has not seen, beside the forecasts that cost nothing.

The record is cut by time, never at random: the first 80 % trains and calibrates, the last 20 % judges.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from hydatis_forecasting.dataset import Dataset, build_dataset
from hydatis_forecasting.evaluation import evaluate, evaluate_baselines
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.targets import TARGETS
from hydatis_forecasting.time_split import split_by_time
from hydatis_forecasting.training import TrainingParameters, train, train_and_calibrate

from hydatis_pipelines.effort import Effort
from hydatis_pipelines.node_record import NodeRecord
from hydatis_pipelines.progress import Progress, untold
from hydatis_pipelines.trained_model import TrainedModel, known_figures

__all__ = ["JUDGED_SHARE", "train_forecaster"]

#: Share of the time, its end, that a model is judged on.
JUDGED_SHARE = 0.2


def train_forecaster(
    record: NodeRecord,
    resource: str,
    *,
    dataset_version: str,
    training_run: str,
    seed: int,
    effort: Effort,
    parameters: TrainingParameters | None = None,
    threads_count: int = 1,
    progress: Progress = untold,
) -> TrainedModel:
    """Trains, calibrates and judges.

    Args:
        record: what the tables said and what came.
        resource: "cpu" or "memory".
        dataset_version: digest of the record.
        training_run: identity of the run.
        seed: of everything random.
        effort: how much.
        parameters: how the trees are grown; None: as the effort says.
        threads_count: threads of xgboost.
        progress: told after each round.

    Returns:
        ``cpu-forecaster`` or ``memory-forecaster``. Where the resource was never measured: one that says "it stays as it is", and
        nothing where the newest use is unknown, which is everywhere; its parameters say ``measured: false``.

    Raises:
        InvalidValue: the record is too short to be cut.
    """
    dataset = build_dataset(record.tables, record.history, resource, INPUT_COLUMNS)
    parameters = parameters or TrainingParameters(rounds=effort.boosting_rounds, max_depth=effort.tree_depth)
    figures: dict[str, float] = {}
    measured = len(dataset.rows) > 0
    if measured:
        learned, judged = (dataset.where(mask) for mask in split_by_time(dataset.generations, (1 - JUDGED_SHARE, JUDGED_SHARE)))
        model = train_and_calibrate(learned, seed=seed, parameters=parameters, nthread=threads_count, progress=progress)
        figures = evaluate(judged, model.predict(judged.rows)) | evaluate_baselines(judged)
        figures |= {"rows_trained_count": float(len(learned.rows)), "rows_judged_count": float(len(judged.rows))}
    else:
        model = _no_change(resource)
    dropped = {"dropped_no_use_count": dataset.dropped_no_use_count, "dropped_no_future_count": dataset.dropped_no_future_count}
    return TrainedModel(
        name=f"{resource}-forecaster",
        kind="xgboost_quantile",
        columns=model.columns,
        outputs=model.outputs,
        files=model.to_files(),
        dataset_version=dataset_version,
        training_run=training_run,
        metrics=known_figures(figures),
        parameters={"seed": seed, "effort": effort.name, "measured": measured, **dropped, **asdict(parameters)},
    )


def _no_change(resource: str) -> QuantileForecaster:
    """Trees that learned from rows in which nothing ever changes."""
    count = 64
    zeros = np.zeros((count, len(INPUT_COLUMNS)), dtype=np.float32)
    targets = np.zeros((count, len(TARGETS)), dtype=np.float32)
    times = np.arange(count, dtype=np.int64)
    dataset = Dataset(resource, INPUT_COLUMNS, zeros, targets, targets, times, np.zeros(count, dtype=np.int32))
    return train(dataset, seed=0, parameters=TrainingParameters(rounds=1, max_depth=1))
