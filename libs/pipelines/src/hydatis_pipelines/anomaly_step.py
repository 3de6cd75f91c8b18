"""train-anomaly: an Isolation Forest on the earlier days, its threshold set on the later ones.

The record of a simulated or a healthy cluster is taken to be normal. A threshold set on the rows the forest was grown on would
promise fewer false alarms than it keeps, so later rows set it, unless they were calmer than those it was grown on. It holds for
nodes that are new; a node with a record has a threshold of its own (``hydatis_anomaly.trailing_threshold``).
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_anomaly.inputs import INPUTS, Input, columns_of, engineer
from hydatis_anomaly.threshold import DEFAULT_FALSE_ALARM_RATE
from hydatis_anomaly.training import ForestParameters, train
from hydatis_core.seeds import generator
from hydatis_forecasting.time_split import split_by_time
from numpy.typing import NDArray

from hydatis_pipelines.effort import Effort
from hydatis_pipelines.node_record import NodeRecord
from hydatis_pipelines.progress import Progress, untold
from hydatis_pipelines.trained_model import TrainedModel, known_figures

__all__ = ["train_anomaly"]

#: Share of the time, its end, that sets the threshold.
THRESHOLD_SHARE = 0.3


def train_anomaly(
    record: NodeRecord,
    *,
    dataset_version: str,
    training_run: str,
    seed: int,
    effort: Effort,
    parameters: ForestParameters | None = None,
    threads_count: int = 1,
    progress: Progress = untold,
) -> TrainedModel:
    """Grows the forest and sets the threshold.

    Arguments as in ``forecaster_step.train_forecaster``; parameters: how the forest is grown, None: the defaults. Inputs that were
    never measured in the record are left out, so that a trace without memory or network still gives a detector.

    Raises:
        InvalidValue: the record is too short to be cut, or too little of it is known.
    """
    rows = record.rows(columns_of(INPUTS))
    inputs = _measured(rows)
    wanted = columns_of(inputs)
    names = [name for name, _ in columns_of(INPUTS)]
    rows = rows[:, :, [names.index(name) for name, _ in wanted]]
    early, late = split_by_time(record.generations, (1 - THRESHOLD_SHARE, THRESHOLD_SHARE))
    grown = _thinned(rows[early].reshape(-1, len(wanted)), effort.forest_rows_count, seed, "grow")
    later = _thinned(rows[late].reshape(-1, len(wanted)), effort.forest_rows_count, seed, "threshold")
    parameters = parameters or ForestParameters()
    forest = train(
        grown,
        seed=seed,
        inputs=inputs,
        parameters=parameters,
        calibration_rows=later,
        nthread=threads_count,
        progress=progress,
    )
    return TrainedModel(
        name="anomaly-detector",
        kind="isolation_forest",
        columns=forest.columns,
        outputs=forest.outputs,
        files=forest.to_files(),
        dataset_version=dataset_version,
        training_run=training_run,
        metrics=known_figures(_figures(forest, grown, later)),
        parameters={
            "seed": seed,
            "effort": effort.name,
            "false_alarm_rate": DEFAULT_FALSE_ALARM_RATE,
            "inputs_count": len(inputs),
            **asdict(parameters),
        },
    )


def _measured(rows: NDArray[np.float32]) -> tuple[Input, ...]:
    names = [name for name, _ in columns_of(INPUTS)]
    known = np.isfinite(engineer(INPUTS, names, rows.reshape(-1, rows.shape[2])))
    return tuple(INPUTS[place] for place in np.flatnonzero(known.any(axis=0)))


def _thinned(rows: NDArray[np.float32], count: int, seed: int, use: str) -> NDArray[np.float32]:
    if len(rows) <= count:
        return np.ascontiguousarray(rows)
    drawn = generator(seed, f"pipelines/anomaly/{use}").choice(len(rows), count, replace=False)
    return np.ascontiguousarray(rows[np.sort(drawn)])


def _figures(forest: IsolationForestArrays, grown: NDArray[np.float32], later: NDArray[np.float32]) -> dict[str, float]:
    risk = forest.risk(later)
    known = risk[~np.isnan(risk)]
    return {
        "threshold": forest.threshold,
        "flagged_ratio": float((known >= np.float32(forest.threshold)).mean()) if known.size else float("nan"),
        "risk_unknown_ratio": float(np.isnan(risk).mean()),
        "rows_trained_count": float(len(grown)),
        "rows_threshold_count": float(len(later)),
    }
