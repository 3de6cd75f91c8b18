"""One set of labelled machines through every detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from hydatis_anomaly.metrics import wilson_interval
from numpy.typing import NDArray

from hydatis_simulator.benchmark.anomaly.detectors import DETECTORS, OURS, Explain, Judged, Unlabelled, detect
from hydatis_simulator.benchmark.anomaly.flags import Flags, confirmed, over_fixed, over_trailing
from hydatis_simulator.benchmark.anomaly.judging import alarm_figures, rank_figures
from hydatis_simulator.labelled.machine import LabelledMachine, Segment

__all__ = ["CONFIRM_TICKS", "DEFAULT_RATE", "PRECISE_RATE", "RATES", "blame_figures", "run_machines", "trailing_flags"]

#: False-alarm rates of the curve.
RATES = (0.015, 0.01, 0.005, 0.002, 0.001)
#: The product's own setting, fixed before any label was looked at.
DEFAULT_RATE = 0.01
#: The precise operating point: five times fewer false alarms.
PRECISE_RATE = 0.002
#: Ticks in a row until a flag counts: 1, and the service's default.
CONFIRM_TICKS = (1, 3)

Progress = Callable[[int, int, str], None]


def run_machines(
    machines: Sequence[LabelledMachine], *, seed: int, progress: Progress, given: Mapping[str, Sequence[Judged]] | None = None
) -> dict[str, Any]:
    """Figures of all detectors over a set, as JSON values.

    Args:
        machines: the set; all of one tick length.
        given: by name, what further detectors said of each machine.
        seed: of everything random.
        progress: told after each detector and machine.
    """
    tick = machines[0].tick_seconds
    names, labels = [machine.name for machine in machines], [machine.anomalous for machine in machines]
    detectors = (OURS, *DETECTORS)
    total = len(detectors) * (len(machines) + 1)
    figures: dict[str, Any] = {}
    for name, said in (given or {}).items():
        figures[name] = _figures(names, labels, said, tick, rates=RATES)
    for number, detector in enumerate(detectors):
        judged = []
        for place, machine in enumerate(machines):
            judged.append(detect(detector, Unlabelled(machine.metrics, machine.train, machine.test, seed), RATES))
            progress(number * (len(machines) + 1) + place + 1, total, f"{detector}, {machine.name}")
        figures[detector] = _figures(names, labels, judged, tick, rates=RATES if detector == OURS else (DEFAULT_RATE, PRECISE_RATE))
        if detector == OURS and any(segment.metrics for machine in machines for segment in machine.segments):
            figures[detector]["blame"] = blame_figures(machines, judged)
        progress((number + 1) * (len(machines) + 1), total, f"{detector}, alarms")
    return {
        "machines": names,
        "rows_train": sum(len(machine.train) for machine in machines),
        "rows_test": sum(len(machine.test) for machine in machines),
        "days": sum(machine.days for machine in machines),
        "tick_seconds": tick,
        "detectors": figures,
    }


def trailing_flags(judged: Sequence[Judged], rate: float, tick_seconds: float) -> Flags:
    """``over_trailing`` of what a detector said of each machine, at the threshold that it was given for a false-alarm rate."""
    thresholds = [one.threshold_by_rate[rate] for one in judged]
    return over_trailing([one.calibration_risk for one in judged], [one.risk for one in judged], thresholds, rate, tick_seconds)


def _figures(
    names: Sequence[str], labels: Sequence[NDArray[np.bool_]], judged: Sequence[Judged], tick: float, rates: Sequence[float]
) -> dict[str, Any]:
    ranks = rank_figures(names, labels, [one.risk for one in judged])
    alarms = []
    for rate in rates:
        fixed = over_fixed([one.risk for one in judged], [one.threshold_by_rate[rate] for one in judged])
        flags = {"trailing": trailing_flags(judged, rate, tick), "fixed": fixed}
        for threshold, said in flags.items():
            for ticks in CONFIRM_TICKS if threshold == "trailing" else (1,):
                kept = said if ticks == 1 else [confirmed(one, ticks) for one in said]
                setting = {"rate": rate, "threshold": threshold, "confirm_ticks": ticks}
                alarms.append(setting | alarm_figures(labels, kept, tick).to_json())
    return {"ranking": asdict(ranks), "alarms": alarms}


def blame_figures(machines: Sequence[LabelledMachine], judged: Sequence[Judged]) -> dict[str, Any]:
    """Whether the metrics named for an alarm are those the labellers named.

    Asked twice of every labelled segment with named metrics: at its first alarm row (default rate, confirmed; segments without an
    alarm do not count), and at its row of highest risk, found or not.
    """
    flags = trailing_flags(judged, DEFAULT_RATE, machines[0].tick_seconds)
    at_alarm: list[_Asked] = []
    at_peak: list[_Asked] = []
    for machine, one, said in zip(machines, judged, flags, strict=True):
        if one.explain is None:
            continue
        alarms = confirmed(said, CONFIRM_TICKS[-1])
        for segment in machine.segments:
            if segment.metrics:
                part = slice(segment.first, segment.end)
                if alarms[part].any():
                    at_alarm.append(_ask(one.explain, machine, segment, int(np.argmax(alarms[part]))))
                at_peak.append(_ask(one.explain, machine, segment, int(np.argmax(_known(one.risk[part])))))
    return {"at_alarm": _hits(at_alarm), "at_peak": _hits(at_peak)}


@dataclass(frozen=True, slots=True)
class _Asked:
    """The metrics named for one row, against the labels."""

    hits: tuple[bool, ...]
    """Of the first five metrics named, which are labelled."""
    labelled_share: float
    """Share of all metrics that is labelled: what naming at random would hit."""


def _ask(explain: Explain, machine: LabelledMachine, segment: Segment, offset: int) -> _Asked:
    (blamed,) = explain(np.array([segment.first + offset]), 5)
    return _Asked(tuple(metric in segment.metrics for metric in blamed), len(segment.metrics) / len(machine.metrics))


def _hits(asked: Sequence[_Asked]) -> dict[str, Any]:
    named = [one for one in asked if one.hits]
    if not named:
        return {"segments": 0}
    first = sum(one.hits[0] for one in named)
    return {
        "segments": len(named),
        "first_named_hits": first / len(named),
        "first_named_hits_95": wilson_interval(first, len(named)),
        "five_named_hits": float(np.mean([np.mean(one.hits) for one in named])),
        "chance": float(np.mean([one.labelled_share for one in named])),
    }


def _known(risk: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(risk), np.float32(-1.0), risk)
