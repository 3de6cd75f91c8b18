"""The detectors, ours and its rivals, as functions of a machine's unlabelled part.

Each is fitted on the earlier ``GROWN_SHARE`` of the training part; the rest of it is the first history of the trailing threshold
and calibrates the model's own. All answer on one scale, risk 0..1 (``hydatis_anomaly.risk_map``): one threshold rule serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from hydatis_anomaly.baselines import LargestDeviation, random_scores
from hydatis_anomaly.risk_map import RiskMap
from hydatis_anomaly.threshold import calibrate_threshold
from hydatis_anomaly.training import grow, train
from hydatis_anomaly.windows import Windows
from numpy.typing import NDArray

from hydatis_simulator.benchmark.anomaly.rivals import autoregression_scores, ewma_scores, reconstruction_scores

__all__ = ["DETECTORS", "GROWN_SHARE", "OURS", "Explain", "Judged", "Unlabelled", "detect"]

#: Share of the training part that detectors are fitted on.
GROWN_SHARE = 0.7
OURS = "forest on windows"

#: (rows of the test part, how many) -> the metrics to blame for each, most first.
Explain = Callable[[NDArray[np.intp], int], list[list[int]]]


@dataclass(frozen=True)
class Unlabelled:
    """What a detector may see of a machine."""

    metrics: tuple[str, ...]
    train: NDArray[np.float32]
    """shape (m, metrics), NaN unknown."""
    test: NDArray[np.float32]
    """shape (n, metrics)."""
    seed: int

    @property
    def grown_rows(self) -> int:
        """Rows to be fitted on."""
        return max(int(len(self.train) * GROWN_SHARE), 1)

    @property
    def filled(self) -> NDArray[np.float64]:
        """Both parts in one, unknown values held at the last known (at the training median where there is none)."""
        values = np.concatenate([self.train, self.test]).astype(np.float64)
        seen = np.isfinite(self.train).any(axis=0)
        values[0] = np.where(np.isnan(values[0]), np.nanmedian(np.where(seen, self.train, 0.0), axis=0), values[0])
        last_known = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))[:, None]), axis=0)
        return np.take_along_axis(values, last_known, axis=0)


@dataclass(frozen=True)
class Judged:
    """What a detector says of a machine."""

    calibration_risk: NDArray[np.float32]
    """shape (c,), the rest of the training part."""
    risk: NDArray[np.float32]
    """shape (n,), the test part, 0..1, NaN unknown."""
    threshold_by_rate: Mapping[float, float]
    """The model's own threshold by false-alarm rate, from the training part."""
    explain: Explain | None = None
    """None: it cannot say."""


def detect(detector: str, machine: Unlabelled, rates: tuple[float, ...]) -> Judged:
    """A detector's risks of a machine.

    Args:
        detector: one of ``DETECTORS``.
        machine: what it may see.
        rates: false-alarm rates to calibrate thresholds for.
    """
    if detector == OURS:
        return _forest_on_windows(machine, rates)
    scores = DETECTORS[detector](machine)
    grown, end = machine.grown_rows, len(machine.train)
    # Scores are >= 0 and of any size; s / (s + median) keeps their order within (0, 1), as the map of risk wants them.
    typical = max(float(np.nanmedian(scores[:grown])), 1e-9)
    within = np.clip(scores / (typical + scores), 0.0, 1.0 - 1e-9)
    risk = RiskMap.of_training(within[:grown][np.isfinite(within[:grown])]).risk(within)
    return Judged(risk[grown:end], risk[end:], _thresholds(risk[:grown], risk[grown:end], rates))


def _thresholds(grown: NDArray[np.float32], later: NDArray[np.float32], rates: tuple[float, ...]) -> dict[float, float]:
    """As ``hydatis_anomaly.training.train`` does: the higher of both parts. A part too short for a rate has no say."""

    def of(part: NDArray[np.float32], rate: float) -> float:
        known = part[~np.isnan(part)]
        return calibrate_threshold(known, rate) if len(known) * rate >= 1.0 else 0.0

    return {rate: max(of(grown, rate), of(later, rate)) or 1.0 for rate in rates}


def _forest_on_windows(machine: Unlabelled, rates: tuple[float, ...]) -> Judged:
    grown, end = machine.grown_rows, len(machine.train)
    windows = Windows.of_training(machine.train[:grown], machine.metrics)
    rows = windows.rows(np.concatenate([machine.train, machine.test]))
    later = rows[grown:end]
    forest = train(rows[:grown], seed=machine.seed, inputs=windows.inputs, columns=windows.columns, false_alarm_rate=max(rates))
    place = {name: position for position, name in enumerate(machine.metrics)}

    def explain(test_rows: NDArray[np.intp], top: int) -> list[list[int]]:
        blamed = []
        for parts in forest.contributions(rows[end:][test_rows], top=len(rows[0])):
            by_metric: dict[int, float] = {}
            for name, share in parts:
                metric = place[name.rsplit(" ", 1)[0]]
                by_metric[metric] = by_metric.get(metric, 0.0) + share
            blamed.append(sorted(by_metric, key=lambda metric: (-by_metric[metric], metric))[:top])
        return blamed

    risks = [forest.risk(part) for part in (rows[:grown], later, rows[end:])]
    return Judged(risks[1], risks[2], _thresholds(risks[0], risks[1], rates), explain)


def _plain_forest(machine: Unlabelled) -> NDArray[np.float64]:
    values = machine.filled.astype(np.float32)
    return grow(values[: machine.grown_rows], seed=machine.seed).scores(values)


def _largest_deviation(machine: Unlabelled) -> NDArray[np.float64]:
    values = machine.filled.astype(np.float32)
    return LargestDeviation.of_training(values[: machine.grown_rows]).scores(values)


def _random(machine: Unlabelled) -> NDArray[np.float64]:
    return random_scores(len(machine.train) + len(machine.test), machine.seed)


def _of_filled(scores: Callable[[NDArray[np.float64], int], NDArray[np.float64]]) -> Callable[[Unlabelled], NDArray[np.float64]]:
    return lambda machine: scores(machine.filled, machine.grown_rows)


#: Scores of train + test rows, >= 0, by name; ``OURS`` is kept apart because it explains itself.
DETECTORS: dict[str, Callable[[Unlabelled], NDArray[np.float64]]] = {
    "plain forest": _plain_forest,
    "max |z|": _largest_deviation,
    "EWMA residual": _of_filled(ewma_scores),
    "PCA reconstruction": _of_filled(reconstruction_scores),
    "forecast residual, conformal": _of_filled(autoregression_scores),
    "random": _random,
}
