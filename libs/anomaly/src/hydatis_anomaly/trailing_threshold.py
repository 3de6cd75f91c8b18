"""A threshold of each node's own: the risk that only a stated share of its last week has passed.

Machines differ and drift. A quantile fixed in training lets single machines be flagged for most of a month once their load has
changed, and is far too high for a node that is calmer than the fleet it was trained on. The quantile of the node's own last week
follows both, needs no labels, and bounds the share of flagged ticks by construction. A floor keeps a quiet week from being a reason
to flag its noisiest percent.

    threshold_n = max(floor, upper edge of the bin that holds the (1 - rate) quantile of node n's risks of the last
                             ``WINDOW_DAYS`` days before this tick);  the model's threshold while there is too little record

Kept per node: counts of risks in ``BINS`` bins for each of the days, so memory is bounded (about 5 KiB a node) and old days leave
by event time. A node without ``LEAST_HISTORY_SECONDS`` of record has the model's threshold, and ``has_record`` says so: a new
cluster may look unlike the one that was learned from without anything being wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_anomaly.threshold import DEFAULT_FALSE_ALARM_RATE

__all__ = ["BINS", "LEAST_HISTORY_SECONDS", "LEAST_RISK", "WINDOW_DAYS", "TrailingThreshold"]

#: Bins of risk: 1 / 256 is far less than the quarter steps that mean ten times rarer.
BINS = 256
#: Days that count, with the current one.
WINDOW_DAYS = 8
#: Record that a node needs for a threshold of its own.
LEAST_HISTORY_SECONDS = 86400
#: Floor for nodes of one fleet: the risk that a tenth of all training rows pass (``risk_map``).
LEAST_RISK = 0.25
_DAY_SECONDS = 86400


class TrailingThreshold:
    """Thresholds of nodes over ticks, in event time.

    Args:
        false_alarm_rate: share of a node's own ticks that may lie above, 0 < rate < 1.
        least_risk: the floor, 0..1.

    Raises:
        InvalidValue: the rate or the floor is out of range.
    """

    def __init__(self, false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE, least_risk: float = LEAST_RISK) -> None:
        if not 0.0 < false_alarm_rate < 1.0:
            raise InvalidValue(f"rate is {false_alarm_rate!r}", field="false_alarm_rate", expected="a share between 0 and 1")
        if not 0.0 <= least_risk <= 1.0:
            raise InvalidValue(f"floor is {least_risk!r}", field="least_risk", expected="0..1")
        self.false_alarm_rate = false_alarm_rate
        self.least_risk = least_risk
        self.generation = 0
        self._names: tuple[str, ...] = ()
        self._day = 0
        self._counts = np.zeros((WINDOW_DAYS, 0, BINS), dtype=np.uint16)
        self._totals = np.zeros((0, BINS), dtype=np.int32)
        self._first_seconds = np.zeros(0, dtype=np.int64)
        self.has_record = np.zeros(0, dtype=np.bool_)
        """shape (n,), by row of the last update: whether the threshold was the node's own."""

    def update(
        self, generation: int, risk: NDArray[np.float32], threshold: float, node_names: Sequence[str]
    ) -> NDArray[np.float32]:
        """Takes in one tick.

        Args:
            generation: its tick time, Unix seconds, later than that of the last update.
            risk: shape (n,), 0..1, NaN unknown (and not counted).
            threshold: the model's, 0..1, for nodes without a record.
            node_names: names by row: records follow the names when nodes come and go.

        Returns:
            shape (n,), float32, 0..1: each node's threshold at this tick, from earlier ticks alone.

        Raises:
            InvalidValue: the generation is not later than the last.
            WrongShape: names and risks differ in number.
        """
        if generation <= self.generation:
            raise InvalidValue(f"generation {generation} after {self.generation}", field="generation", expected="a later one")
        if len(node_names) != len(risk):
            raise WrongShape(f"{len(node_names)} names for {len(risk)} risks", field="node_names", expected="one name per risk")
        self._carry_over(tuple(node_names), generation)
        self._forget(generation // _DAY_SECONDS)
        self.generation = generation
        thresholds = self._thresholds(generation, np.float32(threshold))
        rows = np.flatnonzero(~np.isnan(risk))
        bins = np.minimum((risk[rows] * BINS).astype(np.intp), BINS - 1)
        today = self._counts[self._day % WINDOW_DAYS]
        counted = today[rows, bins] < np.iinfo(np.uint16).max
        today[rows[counted], bins[counted]] += 1
        self._totals[rows[counted], bins[counted]] += 1
        return thresholds

    def _thresholds(self, generation: int, threshold: np.float32) -> NDArray[np.float32]:
        counts = np.cumsum(self._totals[:, ::-1], axis=1, dtype=np.int32)[:, ::-1]
        known = counts[:, 0]
        allowed = np.floor(known * self.false_alarm_rate)
        # The lowest bin that no more than the allowed number of risks lie in or above.
        edges = (counts > allowed[:, None]).sum(axis=1) / BINS
        ripe = (generation - self._first_seconds >= LEAST_HISTORY_SECONDS) & (allowed >= 1)
        self.has_record = np.asarray(ripe)
        own = np.clip(edges, self.least_risk, 1.0).astype(np.float32)
        return np.where(ripe, own, threshold)

    def _carry_over(self, names: tuple[str, ...], generation: int) -> None:
        if names == self._names:
            return
        row_before = {name: row for row, name in enumerate(self._names)}
        before = np.array([row_before.get(name, -1) for name in names], dtype=np.intp)
        known = before >= 0
        counts = np.zeros((WINDOW_DAYS, len(names), BINS), dtype=np.uint16)
        totals = np.zeros((len(names), BINS), dtype=np.int32)
        first = np.full(len(names), generation, dtype=np.int64)
        counts[:, known], totals[known], first[known] = (
            self._counts[:, before[known]],
            self._totals[before[known]],
            self._first_seconds[before[known]],
        )
        self._names, self._counts, self._totals, self._first_seconds = names, counts, totals, first

    def _forget(self, day: int) -> None:
        """Empties the days that are no longer within the window."""
        for passed in range(max(self._day + 1, day - WINDOW_DAYS + 1), day + 1):
            old = self._counts[passed % WINDOW_DAYS]
            self._totals -= old
            old[:] = 0
        self._day = day
