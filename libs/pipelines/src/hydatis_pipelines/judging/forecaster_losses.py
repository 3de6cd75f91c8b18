"""How forecasters err on the last days of a record: the pinball loss of both quantiles, over all targets of a row.

The pinball loss is what quantile forecasts are trained on and judged by (Koenker and Bassett 1978); a p95 that is always high and a
p50 that is always low both pay. The naive rival says that a node stays as it is (p50) and gets as high as in its last hour (p95).
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import UnknownColumn
from hydatis_forecasting.baselines import moving_max, persistence
from hydatis_forecasting.dataset import Dataset, build_dataset
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.targets import QUANTILES
from hydatis_forecasting.time_split import split_by_time
from numpy.typing import NDArray

from hydatis_pipelines.forecaster_step import JUDGED_SHARE
from hydatis_pipelines.judging.losses import JudgedLosses, hours_of
from hydatis_pipelines.node_record import NodeRecord

__all__ = ["forecaster_losses"]


def forecaster_losses(
    record: NodeRecord, candidate: QuantileForecaster, champion: QuantileForecaster | None
) -> JudgedLosses | None:
    """Losses on the last ``JUDGED_SHARE`` of the record; None: its resource was never measured.

    Raises:
        UnknownColumn: the candidate reads columns that the record lacks.
        InvalidValue: the record is too short to be cut.
    """
    known = _judged(record, candidate.resource, INPUT_COLUMNS)
    if known is None:
        return None
    naive = np.empty((len(known.rows), 2 * known.targets.shape[1]), dtype=np.float32)
    naive[:, 0::2], naive[:, 1::2] = persistence(known), moving_max(known)
    return JudgedLosses(
        loss="pinball loss of p50 and p95 over all horizons, share of allocatable",
        baseline="persistence, and the last hour's maximum for p95",
        hours=hours_of(known.generations),
        candidate=_of_model(record, candidate),
        by_baseline=_losses(known, np.where(np.isnan(naive), known.current[:, None], naive)),
        by_champion=None if champion is None else _of_champion(record, champion),
    )


def _of_champion(record: NodeRecord, champion: QuantileForecaster) -> NDArray[np.float64] | None:
    try:
        return _of_model(record, champion)
    except UnknownColumn:
        return None


def _of_model(record: NodeRecord, model: QuantileForecaster) -> NDArray[np.float64]:
    judged = _judged(record, model.resource, model.columns)
    assert judged is not None, "rows depend on the resource and not on the columns"
    return _losses(judged, model.predict(judged.rows))


def _judged(record: NodeRecord, resource: str, columns: tuple[tuple[str, str], ...]) -> Dataset | None:
    dataset = build_dataset(record.tables, record.history, resource, columns)
    if len(dataset.rows) == 0:
        return None
    _, last = split_by_time(dataset.generations, (1 - JUDGED_SHARE, JUDGED_SHARE))
    return dataset.where(last)


def _losses(dataset: Dataset, forecast: NDArray[np.float32]) -> NDArray[np.float64]:
    """mean over targets and quantiles of max(q (y - f), (q - 1) (y - f)), shape (n,)."""
    losses = np.zeros(len(dataset.rows))
    for place, (_, quantile) in enumerate(QUANTILES):
        error = dataset.targets.astype(np.float64) - forecast[:, place::2]
        losses += np.maximum(quantile * error, (quantile - 1.0) * error).mean(axis=1)
    return losses / len(QUANTILES)
