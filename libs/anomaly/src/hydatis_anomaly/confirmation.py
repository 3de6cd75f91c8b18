"""Confirmation: a node is anomalous when it has looked so for several ticks in a row.

A single odd sample is common and a node is dear, so nothing is done about a node on the strength of one tick. (Koordinator waits
for five abnormal rounds before it evicts.)

    risk >= threshold   one more tick in a row; confirmed from ``ticks_to_confirm`` on
    risk <  threshold   the run is over
    risk unknown        not flagged this tick; the run stands still, and is over after ``ticks_to_confirm`` unknown ticks in a row
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_anomaly.risk_table import FlaggedNode

__all__ = ["Confirmation"]


class Confirmation:
    """Counts, for every node, for how many ticks in a row it has been flagged.

    Args:
        ticks_to_confirm: ticks in a row that make a flag count, >= 1.
        gap_seconds: a pause between ticks longer than this ends all runs. None: pauses do not matter.

    Raises:
        InvalidValue: fewer than one tick, or a gap that is not positive.
    """

    def __init__(self, ticks_to_confirm: int = 3, gap_seconds: float | None = None) -> None:
        if ticks_to_confirm < 1:
            raise InvalidValue(f"{ticks_to_confirm} ticks", field="ticks_to_confirm", expected="1 or more")
        if gap_seconds is not None and not gap_seconds > 0:
            raise InvalidValue(f"{gap_seconds!r} seconds", field="gap_seconds", expected="seconds > 0, or None")
        self.ticks_to_confirm = ticks_to_confirm
        self.gap_seconds = gap_seconds
        self.generation = 0
        self._names: tuple[str, ...] | None = None
        self._flagged_counts = np.zeros(0, dtype=np.int64)
        self._unknown_counts = np.zeros(0, dtype=np.int64)

    def update(
        self,
        generation: int,
        risk: NDArray[np.float32],
        threshold: float | NDArray[np.float32],
        node_names: Sequence[str] | None = None,
    ) -> list[FlaggedNode]:
        """Takes in one tick.

        Args:
            generation: its tick time, later than that of the last update.
            risk: shape (n,), 0..1, NaN unknown.
            threshold: risk from which a node is flagged: one for all, or shape (n,), one for each.
            node_names: names by row: runs follow the names when nodes come and go. None: rows are the nodes, and all runs end when
                their number changes.

        Returns:
            The nodes flagged at this tick, by row, without contributions.

        Raises:
            InvalidValue: the generation is not later than the last.
            WrongShape: names and risks differ in number.
        """
        if generation <= self.generation:
            raise InvalidValue(f"generation {generation} after {self.generation}", field="generation", expected="a later one")
        if node_names is not None and len(node_names) != len(risk):
            raise WrongShape(f"{len(node_names)} names for {len(risk)} risks", field="node_names", expected="one name per risk")
        self._carry_over(generation, len(risk), None if node_names is None else tuple(node_names))
        unknown = np.isnan(risk)
        flagged = risk >= threshold
        self._unknown_counts = np.where(unknown, self._unknown_counts + 1, 0)
        over = (~unknown & ~flagged) | (self._unknown_counts >= self.ticks_to_confirm)
        self._flagged_counts = np.where(over, 0, self._flagged_counts + flagged)
        self.generation = generation
        return [
            FlaggedNode(int(row), int(self._flagged_counts[row]), bool(self._flagged_counts[row] >= self.ticks_to_confirm))
            for row in np.flatnonzero(flagged)
        ]

    def _carry_over(self, generation: int, node_count: int, names: tuple[str, ...] | None) -> None:
        """Brings the runs into the rows of the new tick."""
        paused = self.gap_seconds is not None and self.generation > 0 and generation - self.generation > self.gap_seconds
        kept = not paused and names == self._names and node_count == len(self._flagged_counts)
        moved = not paused and names is not None and self._names is not None
        if not kept:
            flagged_counts, unknown_counts = np.zeros(node_count, dtype=np.int64), np.zeros(node_count, dtype=np.int64)
            if moved and names is not None and self._names is not None:
                row_before = {name: row for row, name in enumerate(self._names)}
                for row, name in enumerate(names):
                    if name in row_before:
                        flagged_counts[row] = self._flagged_counts[row_before[name]]
                        unknown_counts[row] = self._unknown_counts[row_before[name]]
            self._flagged_counts, self._unknown_counts = flagged_counts, unknown_counts
        self._names = names
