"""What can be wrong with node metrics, as a policy meets it: late, absent on some nodes, zero, or gone.

Faults change what is scraped and never what is true. Late samples come without a mark that they are late, zeros without a mark that
they are wrong, as they do in clusters; absent ones are NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.arena.run import MetricFault
from hydatis_simulator.arena.seen import Seen

__all__ = ["METRIC_FAULTS"]

STALE_SECONDS = 600.0
MISSING_RATIO = 0.2

Matrix = NDArray[np.float64]


def _stale(_seed: int) -> MetricFault:
    waiting: list[Matrix] = []

    def fault(seen: Seen, use: Matrix) -> Matrix:
        waiting.append(use)
        late = round(STALE_SECONDS / seen.fleet.step_seconds)
        return waiting.pop(0) if len(waiting) > late else np.zeros_like(use)

    return fault


def _missing(seed: int) -> MetricFault:
    def fault(seen: Seen, use: Matrix) -> Matrix:
        count = max(round(MISSING_RATIO * seen.nodes_count), 1)
        lost = generator(seed, "placement/missing").choice(seen.nodes_count, count, replace=False)
        use[:, lost] = np.nan
        return use

    return fault


def _zeros(_seed: int) -> MetricFault:
    return lambda _seen, use: np.zeros_like(use)


def _down(_seed: int) -> MetricFault:
    """From the middle of arrivals on nothing is scraped."""

    def fault(seen: Seen, use: Matrix) -> Matrix:
        middle = (seen.fleet.history_steps + seen.fleet.judged_from_step) // 2
        return use if seen.step < middle else np.full_like(use, np.nan)

    return fault


#: By name: a fresh fault by seed.
METRIC_FAULTS: dict[str, Callable[[int], MetricFault]] = {
    "stale-10-minutes": _stale,
    "missing-a-fifth": _missing,
    "zeros": _zeros,
    "watcher-down": _down,
}
