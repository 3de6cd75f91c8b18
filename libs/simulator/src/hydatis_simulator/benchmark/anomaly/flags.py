"""From risks to alarms, by the very rule that the service uses: a trailing threshold of each machine's own, then confirmation.

Machines of a set run side by side as the nodes of a cluster would.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_anomaly.confirmation import Confirmation
from hydatis_anomaly.trailing_threshold import TrailingThreshold
from numpy.typing import NDArray

__all__ = ["Flags", "confirmed", "over_fixed", "over_trailing"]

#: Any time will do as the first: one that begins a day.
_START_SECONDS = 86400 * 10000

Risks = Sequence[NDArray[np.float32]]
Flags = list[NDArray[np.bool_]]


def over_trailing(calibration: Risks, test: Risks, thresholds: Sequence[float], rate: float, tick_seconds: float) -> Flags:
    """Flags of the test rows over each machine's trailing threshold, which the calibration rows have filled before.

    Args:
        calibration: risks before the test, per machine; lengths may differ.
        test: risks to be flagged, per machine.
        thresholds: the floor, per machine: the model's own threshold where each machine has a model.
        rate: false-alarm rate of the trailing threshold.
        tick_seconds: time between rows.
    """
    lead, last = max(map(len, calibration)), max(map(len, test))
    grid = np.full((lead + last, len(test)), np.nan, dtype=np.float32)
    for machine, (before, after) in enumerate(zip(calibration, test, strict=True)):
        grid[lead - len(before) : lead, machine] = before
        grid[lead : lead + len(after), machine] = after
    names = [str(machine) for machine in range(len(test))]
    # The rule has one floor for all nodes; here each machine has a model of its own, so its threshold is the floor, applied after.
    trailing = TrailingThreshold(rate, 0.0)
    own = np.array(thresholds, dtype=np.float32)
    flags = np.zeros(grid.shape, dtype=np.bool_)
    for row, risk in enumerate(grid):
        generation = _START_SECONDS + int(row * tick_seconds)
        flags[row] = risk >= np.maximum(trailing.update(generation, risk, 0.0, names), own)
    return [flags[lead : lead + len(after), machine] for machine, after in enumerate(test)]


def over_fixed(test: Risks, thresholds: Sequence[float]) -> Flags:
    """Flags over a threshold that never moves."""
    return [risk >= np.float32(threshold) for risk, threshold in zip(test, thresholds, strict=True)]


def confirmed(flagged: NDArray[np.bool_], ticks_count: int) -> NDArray[np.bool_]:
    """The flags that count: from the ``ticks_count``-th in a row on."""
    confirmation = Confirmation(ticks_count)
    answer = np.zeros_like(flagged)
    risk = flagged.astype(np.float32)
    for row in range(len(flagged)):
        nodes = confirmation.update(row + 1, risk[row : row + 1], 0.5)
        answer[row] = bool(nodes) and nodes[0].confirmed
    return answer
