"""NAB through every detector, scored as NAB scores.

A detection is the first row of an alarm: NAB counts each flagged row outside of windows, and an alarm is raised once. The threshold
is the product's (trailing, fixed beforehand). Published detectors were scored at the threshold that is best for their score on the
labels (NAB's own protocol); that figure of ours stands beside it, apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.benchmark.anomaly.detectors import DETECTORS, OURS, Unlabelled, detect
from hydatis_simulator.benchmark.anomaly.flags import over_fixed, over_trailing
from hydatis_simulator.benchmark.anomaly.judging import alarm_figures, rank_figures
from hydatis_simulator.benchmark.anomaly.nab_score import normalised, raw_score
from hydatis_simulator.labelled.nab import NabSeries

__all__ = ["RATES", "run_nab"]

TICK_SECONDS = 300.0
#: The probation period holds a few hundred rows: rarer than that it cannot calibrate.
RATES = (0.01,)
#: After an alarm another is not raised for so long.
QUIET_SECONDS = 86400.0
_BEST_OF = np.linspace(0.3, 0.999, 40)

Progress = Callable[[int, int, str], None]


def run_nab(
    series: Sequence[NabSeries], peers: Mapping[str, Mapping[str, float]], *, seed: int, progress: Progress
) -> dict[str, Any]:
    """Figures of all detectors over NAB, as JSON values.

    Args:
        series: the series.
        peers: raw score by detector and series, as published.
        seed: of everything random.
        progress: told after each detector.
    """
    window_count = sum(len(one.windows) for one in series)
    labels = [_labels(one) for one in series]
    figures: dict[str, Any] = {}
    detectors = (OURS, *DETECTORS)
    for number, detector in enumerate(detectors):
        judged = []
        for one in series:
            part = one.values[:, None]
            judged.append(
                detect(detector, Unlabelled(("value",), part[: one.probation_rows], part[one.probation_rows :], seed), RATES)
            )
        thresholds = [one.threshold_by_rate[RATES[0]] for one in judged]
        risks = [one.risk for one in judged]
        flags = over_trailing([one.calibration_risk for one in judged], risks, thresholds, RATES[0], TICK_SECONDS)
        figures[detector] = {
            "nab_score": _score(series, flags, window_count),
            "nab_score_best_threshold_on_labels": max(
                _score(series, over_fixed(risks, [float(threshold)] * len(risks)), window_count) for threshold in _BEST_OF
            ),
            "ranking": {"auc_roc": rank_figures([one.name for one in series], labels, risks).auc_roc},
            "alarms": [
                {"rate": RATES[0], "threshold": "trailing", "confirm_ticks": 1}
                | alarm_figures(labels, flags, TICK_SECONDS).to_json()
            ],
        }
        progress(number + 1, len(detectors), detector)
    names = [one.name for one in series]
    published = {
        detector: normalised(sum(scores[name] for name in names), window_count)
        for detector, scores in peers.items()
        if all(name in scores for name in names)
    }
    return {"series": names, "windows": window_count, "detectors": figures, "published": published}


def _labels(series: NabSeries) -> NDArray[np.bool_]:
    labels = np.zeros(len(series.values), dtype=np.bool_)
    for first, last in series.windows:
        labels[first : last + 1] = True
    return labels[series.probation_rows :]


def _score(series: Sequence[NabSeries], flags: Sequence[NDArray[np.bool_]], window_count: int) -> float:
    total = 0.0
    for one, said in zip(series, flags, strict=True):
        total += raw_score(_alarm_rows(said, one.probation_rows), one.windows, one.probation_rows)
    return normalised(total, window_count)


def _alarm_rows(flagged: NDArray[np.bool_], offset: int) -> list[int]:
    """Rows at which an alarm is raised: flagged, and none raised within ``QUIET_SECONDS`` before."""
    quiet = int(QUIET_SECONDS / TICK_SECONDS)
    rows: list[int] = []
    for row in np.flatnonzero(flagged).tolist():
        if not rows or row + offset - rows[-1] > quiet:
            rows.append(row + offset)
    return rows
