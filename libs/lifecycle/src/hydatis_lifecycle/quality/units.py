"""Whether quantities have the size that their unit gives them: what catches milliseconds, bytes and ratios that pass for others.

No single value is wrong when a whole file is in another unit. So each file's own statistic is looked at; where it is out of its
bounds, and would be in them if the unit were another one, that unit is named.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_lifecycle.quality.rules import Columns, UnitRule

__all__ = ["UnitStatistic"]

#: Values of a batch that a median is taken of: enough for the size of a quantity.
_KEPT_A_BATCH = 4096


class UnitStatistic:
    """The statistic of a rule over one file.

    Args:
        rule: what is looked at.
    """

    def __init__(self, rule: UnitRule) -> None:
        self.rule = rule
        self._kept: list[NDArray[np.float64]] = []
        self._greatest = -np.inf

    def add(self, batch: Columns) -> None:
        """Adds rows of the file."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(self.rule.of(batch), dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            self._greatest = max(self._greatest, float(values.max()))
            self._kept.append(values[:: max(len(values) // _KEPT_A_BATCH, 1)].copy())

    def fault(self) -> str:
        """What is wrong; empty: nothing, or nothing was looked at."""
        if not self._kept:
            return ""
        found = self._greatest if self.rule.statistic == "max" else float(np.median(np.concatenate(self._kept)))
        low, high = self.rule.low, self.rule.high
        if low <= found <= high:
            return ""
        guess = next((unit for unit, factor in self.rule.mistaken.items() if low <= found * factor <= high), "")
        looks = f"looks like {guess} and should be {self.rule.unit}" if guess else f"is no size for {self.rule.unit}"
        return f"{self.rule.statistic} {found:.6g} {looks} (expected {low:g} to {high:g})"
