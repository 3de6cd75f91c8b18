"""Where labels meet risks and alarms: the only module that sees both, and it changes neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from hydatis_anomaly.metrics import (
    area_under_precision_recall,
    area_under_roc,
    base_rate,
    episodes,
    event_figures,
    point_adjusted_f1,
    wilson_interval,
)
from numpy.typing import NDArray

__all__ = ["GAP_SECONDS", "AlarmFigures", "RankFigures", "alarm_figures", "rank_figures"]

#: Flags closer than this are one alarm.
GAP_SECONDS = 3600.0

Labels = Sequence[NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class RankFigures:
    """How well risks rank rows, over machines."""

    auc_pr: float
    """Mean over machines; machines without an anomaly do not count."""
    auc_roc: float
    base_rate: float
    """What a random score reaches as AUC-PR, mean over the same machines."""
    auc_pr_by_machine: dict[str, float]


def rank_figures(names: Sequence[str], labels: Labels, risks: Sequence[NDArray[np.float32]]) -> RankFigures:
    """Figures of risks, one sequence per machine."""
    areas = {name: area_under_precision_recall(truth, risk) for name, truth, risk in zip(names, labels, risks, strict=True)}
    rocs = [area_under_roc(truth, risk) for truth, risk in zip(labels, risks, strict=True)]
    rates = [base_rate(truth) for truth in labels if truth.any()]
    known = [area for area in areas.values() if np.isfinite(area)]
    return RankFigures(_mean(known), _mean([roc for roc in rocs if np.isfinite(roc)]), _mean(rates), areas)


@dataclass(frozen=True, slots=True)
class AlarmFigures:
    """What alarms are worth, over machines."""

    event_precision: float
    """Share of alarms that touch an event; NaN without alarms."""
    event_precision_95: tuple[float, float]
    event_recall: float
    """Share of events with an alarm."""
    event_recall_95: tuple[float, float]
    alarms: int
    events: int
    false_per_day_mean: float
    """False alarms per machine and day."""
    false_per_day_worst: float
    """The same of the worst machine."""
    delay_seconds_median: float
    """From the start of an event to its alarm, over those found."""
    point_false_positive_mean: float
    """Share of normal rows that are flagged."""
    point_false_positive_worst: float
    point_precision: float
    base_rate: float
    """Share of rows that are anomalous, all machines together."""
    point_adjusted_f1: float

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in asdict(self).items()}


def alarm_figures(labels: Labels, flags: Labels, tick_seconds: float) -> AlarmFigures:
    """Figures of flags, one sequence per machine: events are pooled, false alarms are also given for the worst machine.

    An alarm is a run of flags, pauses of up to ``GAP_SECONDS`` filled; it is true if one of its *flagged* rows lies in an event.
    """
    gap = int(GAP_SECONDS / tick_seconds)
    true_alarms = alarms = found = events = 0
    false_per_day, delays, false_points = [], [], []
    for truth, said in zip(labels, flags, strict=True):
        hits = _true_alarms(truth, said, episodes(said, gap))
        single = event_figures(truth, said, tick_seconds)
        count = event_figures(truth, episodes(said, gap), tick_seconds).alarm_count
        true_alarms, alarms, events = true_alarms + hits, alarms + count, events + single.event_count
        found += round(single.recall * single.event_count) if single.event_count else 0
        false_per_day.append((count - hits) / (len(truth) * tick_seconds / 86400.0))
        false_points.append(float(said[~truth].mean()) if not truth.all() else 0.0)
        delays.extend(_delays(truth, said, tick_seconds))
    truth, said = np.concatenate(list(labels)), np.concatenate(list(flags))
    nan = float("nan")
    return AlarmFigures(
        event_precision=true_alarms / alarms if alarms else nan,
        event_precision_95=wilson_interval(true_alarms, alarms),
        event_recall=found / events if events else nan,
        event_recall_95=wilson_interval(found, events),
        alarms=alarms,
        events=events,
        false_per_day_mean=_mean(false_per_day),
        false_per_day_worst=max(false_per_day),
        delay_seconds_median=float(np.median(delays)) if delays else nan,
        point_false_positive_mean=_mean(false_points),
        point_false_positive_worst=max(false_points),
        point_precision=float(truth[said].mean()) if said.any() else nan,
        base_rate=base_rate(truth),
        point_adjusted_f1=point_adjusted_f1(truth, said),
    )


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _true_alarms(truth: NDArray[np.bool_], said: NDArray[np.bool_], alarms: NDArray[np.bool_]) -> int:
    return sum(bool((truth & said)[first:end].any()) for first, end in _runs(alarms))


def _delays(truth: NDArray[np.bool_], said: NDArray[np.bool_], tick_seconds: float) -> list[float]:
    return [float(np.argmax(said[first:end])) * tick_seconds for first, end in _runs(truth) if said[first:end].any()]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
