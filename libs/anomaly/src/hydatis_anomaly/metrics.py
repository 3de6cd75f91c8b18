"""How good a detector is, in numbers that do not flatter.

The area under the precision-recall curve, beside the base rate that a random score reaches, and precision and recall over events
with the false alarms per day that they cost. Point-adjusted F1 lets a random score look excellent (Kim et al., AAAI 2022): it is
here because others publish nothing else, and is never given alone. Rows whose risk is unknown count as not flagged, and do not
count in the areas.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hydatis_core.errors import WrongShape
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "EventFigures",
    "area_under_precision_recall",
    "area_under_roc",
    "base_rate",
    "episodes",
    "event_figures",
    "point_adjusted_f1",
    "wilson_interval",
]


def _known(anomalous: ArrayLike, risk: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, values = np.asarray(anomalous, dtype=np.bool_), np.asarray(risk, dtype=np.float64)
    if truth.shape != values.shape or truth.ndim != 1:
        raise WrongShape(f"{truth.shape} labels for {values.shape} risks", field="risk", expected="one risk per label")
    known = ~np.isnan(values)
    return truth[known], values[known]


def base_rate(anomalous: ArrayLike) -> float:
    """Share of rows that are anomalous: the precision of flagging at random, and the AUC-PR of a random score. NaN without rows."""
    truth = np.asarray(anomalous, dtype=np.bool_)
    return float(truth.mean()) if truth.size else float("nan")


def area_under_precision_recall(anomalous: ArrayLike, risk: ArrayLike) -> float:
    """AUC-PR as average precision: sum over falling distinct thresholds of (recall step x precision). NaN without anomalies.

    >>> round(area_under_precision_recall([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]), 4)
    0.8333
    """
    truth, values = _known(anomalous, risk)
    if not truth.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(truth[order])
    last_of_tie = np.append(np.diff(values[order]) != 0, True)
    hits_at, flagged_at = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    recall_steps = np.diff(np.concatenate([[0], hits_at])) / truth.sum()
    return float(np.sum(recall_steps * hits_at / flagged_at))


def area_under_roc(anomalous: ArrayLike, risk: ArrayLike) -> float:
    """AUC-ROC: how often an anomalous row has a higher risk than a normal one, ties half. NaN when either kind is missing.

    >>> area_under_roc([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    0.75
    """
    truth, values = _known(anomalous, risk)
    if truth.all() or not truth.any():
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle_ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(truth.sum())
    return float((middle_ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (len(truth) - positives)))


@dataclass(frozen=True, slots=True)
class EventFigures:
    """Precision and recall over events: runs of anomalous rows, and alarms: runs of flagged rows."""

    event_count: int
    alarm_count: int
    recall: float
    """Share of events with at least one flagged row; NaN without events."""
    precision: float
    """Share of alarms that touch an event; NaN without alarms."""
    false_alarms_per_day: float
    """Alarms that touch no event, per day of record."""
    mean_delay_seconds: float
    """From the start of an event to its first flagged row, over the events that were found; NaN when none was."""


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last + 1 of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def event_figures(anomalous: ArrayLike, flagged: ArrayLike, tick_seconds: float) -> EventFigures:
    """Figures of one node's record.

    Args:
        anomalous: shape (ticks,), the truth.
        flagged: shape (ticks,), what the detector said.
        tick_seconds: time between rows.

    Raises:
        WrongShape: not one flag per label.
    """
    truth, said = np.asarray(anomalous, dtype=np.bool_), np.asarray(flagged, dtype=np.bool_)
    if truth.shape != said.shape or truth.ndim != 1:
        raise WrongShape(f"{truth.shape} labels for {said.shape} flags", field="flagged", expected="one flag per label")
    events, alarms = _runs(truth), _runs(said)
    delays = [int(np.argmax(said[first:last])) * tick_seconds for first, last in events if said[first:last].any()]
    true_alarms = sum(bool(truth[first:last].any()) for first, last in alarms)
    days = len(truth) * tick_seconds / 86400.0
    nan = float("nan")
    return EventFigures(
        event_count=len(events),
        alarm_count=len(alarms),
        recall=len(delays) / len(events) if events else nan,
        precision=true_alarms / len(alarms) if alarms else nan,
        false_alarms_per_day=(len(alarms) - true_alarms) / days if days else nan,
        mean_delay_seconds=float(np.mean(delays)) if delays else nan,
    )


def episodes(flagged: ArrayLike, gap_rows: int) -> NDArray[np.bool_]:
    """Flags with gaps of at most ``gap_rows`` rows filled: an alarm that pauses is one alarm to whoever is called.

    >>> episodes([1, 0, 0, 1, 0, 0, 0, 1], 2).astype(int).tolist()
    [1, 1, 1, 1, 0, 0, 0, 1]
    """
    said = np.array(flagged, dtype=np.bool_)
    runs = _runs(said)
    for (_, end), (first, _) in pairwise(runs):
        if first - end <= gap_rows:
            said[end:first] = True
    return said


def point_adjusted_f1(anomalous: ArrayLike, flagged: ArrayLike) -> float:
    """F1 over rows after every event with one flagged row counts as flagged throughout. NaN without anomalies.

    It rewards long events so much that a random score looks excellent (Kim et al., AAAI 2022): only ever beside the others.

    >>> point_adjusted_f1([0, 1, 1, 1, 0], [0, 0, 1, 0, 1])
    0.8571428571428571
    """
    truth, said = np.asarray(anomalous, dtype=np.bool_), np.array(flagged, dtype=np.bool_)
    for first, end in _runs(truth):
        said[first:end] |= said[first:end].any()
    hits = np.count_nonzero(said & truth)
    return float(2 * hits / (said.sum() + truth.sum())) if truth.any() else float("nan")


def wilson_interval(hit_count: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, equation 4 with z = 1.96). (NaN, NaN) of nothing.

    >>> [round(edge, 3) for edge in wilson_interval(8, 10)]
    [0.49, 0.943]
    """
    if count == 0:
        return float("nan"), float("nan")
    z, share = 1.959964, hit_count / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)
