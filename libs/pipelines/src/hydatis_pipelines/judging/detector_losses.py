"""How detectors tell disturbed nodes from undisturbed ones on the last days of a record.

Traces have no labels, so the disturbance is made: a node suddenly behaves in one resource (CPU, memory or io) like another node at
another time, while everything that should agree with it (requests, expected use, its own day) stays. The loss of a row is how often
a detector holds it, undisturbed, for the odder one: 0 or 1, a tie half; its mean is 1 - AUC of disturbed against undisturbed. This
judges ranking only, on made disturbances: figures on labelled faults stand in ``docs/benchmarks/anomaly.md``.
"""

from __future__ import annotations

import numpy as np
from hydatis_anomaly.baselines import LargestDeviation
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_anomaly.inputs import engineer
from hydatis_core.errors import UnknownColumn
from hydatis_core.seeds import generator
from hydatis_forecasting.time_split import split_by_time
from numpy.typing import NDArray

from hydatis_pipelines.judging.losses import JudgedLosses, hours_of
from hydatis_pipelines.node_record import NodeRecord

__all__ = ["detector_losses"]

#: Share of the time, its end, that is judged on: what forecasters are judged on; the threshold was set on some of it.
JUDGED_SHARE = 0.2
#: Rows judged at most.
ROWS_COUNT = 4_000
#: Columns that are disturbed together begin with one of these.
RESOURCES: tuple[tuple[str, ...], ...] = (("cpu_used",), ("memory_used",), ("network_", "disk_"))


def detector_losses(
    record: NodeRecord, candidate: IsolationForestArrays, champion: IsolationForestArrays | None, seed: int
) -> JudgedLosses:
    """Losses of seeded disturbances on the last ``JUDGED_SHARE`` of the record.

    Raises:
        UnknownColumn: the candidate reads columns that the record lacks.
        InvalidValue: the record is too short to be cut.
    """
    table = record.tables[0]
    names, hashes = table.columns, dict(zip(table.columns, table.column_hashes, strict=True))
    values = np.stack([one.values for one in record.tables])
    early, late = split_by_time(record.generations, (1 - JUDGED_SHARE, JUDGED_SHARE))
    normal = values[late].reshape(-1, len(names))
    hours = np.repeat(hours_of(record.generations[late]), values.shape[1])
    random = generator(seed, "judging/disturbances")
    kept = np.sort(random.permutation(len(normal))[:ROWS_COUNT])
    normal, hours = normal[kept], hours[kept]
    disturbed = _disturbed(normal, names, random)

    def losses(detector: IsolationForestArrays) -> NDArray[np.float64]:
        if any(hashes.get(name) != definition for name, definition in detector.columns):
            raise UnknownColumn("a column of the detector is not in the record", field="columns")
        places = [names.index(name) for name, _ in detector.columns]
        return _ranked(detector.raw_scores(_only(normal, places)), detector.raw_scores(_only(disturbed, places)))

    def of_champion() -> NDArray[np.float64] | None:
        try:
            return None if champion is None else losses(champion)
        except UnknownColumn:
            return None

    naive = _Deviations(candidate, names, values[early].reshape(-1, len(names)))
    return JudgedLosses(
        loss="share of made disturbances that rank below the undisturbed row",
        baseline="largest robust deviation of any input",
        hours=hours,
        candidate=losses(candidate),
        by_baseline=_ranked(naive.scores(normal), naive.scores(disturbed)),
        by_champion=of_champion(),
    )


class _Deviations:
    """The naive detector on the candidate's own inputs; what is unknown is taken for usual."""

    def __init__(self, like: IsolationForestArrays, names: tuple[str, ...], rows: NDArray[np.float32]) -> None:
        self._like, self._names = like, names
        values = self._inputs(rows)
        known = np.isfinite(values).any(axis=0)
        self._usual = np.zeros(values.shape[1], dtype=np.float32)
        self._usual[known] = np.nanmedian(values[:, known], axis=0)
        self._detector = LargestDeviation.of_training(self._filled(values))

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._detector.scores(self._filled(self._inputs(rows)))

    def _inputs(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        values = engineer(self._like.inputs, self._names, rows)
        return np.where(np.isfinite(values), values, np.float32(np.nan))

    def _filled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(np.isnan(values), self._usual, values)


def _only(rows: NDArray[np.float32], places: list[int]) -> NDArray[np.float32]:
    return np.ascontiguousarray(rows[:, places])


def _disturbed(rows: NDArray[np.float32], names: tuple[str, ...], random: np.random.Generator) -> NDArray[np.float32]:
    groups = [[place for place, name in enumerate(names) if name.startswith(prefixes)] for prefixes in RESOURCES]
    measured = [group for group in groups if group and np.isfinite(rows[:, group]).any()]
    changed = rows.copy()
    which = random.integers(len(measured), size=len(rows))
    donors = random.permutation(len(rows))
    for position, group in enumerate(measured):
        mine = np.flatnonzero(which == position)
        columns = np.array(group)
        changed[np.ix_(mine, columns)] = rows[np.ix_(donors[mine], columns)]
    return changed


def _ranked(normal: NDArray[np.float64], disturbed: NDArray[np.float64]) -> NDArray[np.float64]:
    losses = np.where(normal > disturbed, 1.0, np.where(normal == disturbed, 0.5, 0.0))
    return np.where(np.isnan(normal) | np.isnan(disturbed), np.nan, losses)
