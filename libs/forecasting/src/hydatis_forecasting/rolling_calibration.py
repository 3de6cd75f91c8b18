"""Keeps each node's forecasts calibrated while they are used: what came corrects what is said next, node by node.

One offset for all nodes covers 95 % on average and far less on the worst of them, and it stays where it was when the load changes.
So every node has corrections of its own, learned online by descent on the very losses that quantiles minimise (online quantile
tracking: Gibbs and Candes 2021; Angelopoulos, Candes and Tibshirani 2023). With forecast f of target j, newest use u, unit of
change s (``shape.scale_of``), and what came, y:

    p50' = u + gain (p50 - u)           gain += rate_gain sign(y - p50') (p50 - u) / s, kept in 0..1.25, begins at 1
    p95' = p95 + s offset               offset += rate (0.95 where y > p95', else -0.05), begins at 0
    rate = max(RATE, FIRST_RATE / sqrt(1 + outcomes seen))

An error in coverage moves the offset until it is gone: over T outcomes the coverage of a node differs from 0.95 by at most
(range of the offset) / (RATE T), whatever the load does. Nothing of the future is used: an outcome counts once it was measured.

Memory is bounded: per node 13 forecasts in waiting (one each 5 minutes) and 12 corrections per resource; a node that was not seen
for a day is forgotten, one that is back before goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_forecasting.coherence import cohere
from hydatis_forecasting.inputs import use_column
from hydatis_forecasting.shape import scale_of
from hydatis_forecasting.targets import COLUMNS, HORIZONS_SECONDS, RESOURCES, TARGETS
from hydatis_forecasting.use_history import MAX_COVERAGE_RATIO

__all__ = ["FORGET_SECONDS", "OffsetTracker", "RollingCalibration"]

RATE = 0.02
FIRST_RATE = 0.3
GAIN_RATE = 0.004
#: Forecasts are followed up at most this often.
ISSUE_SECONDS = 300.0
#: A node that was not in the table for so long is forgotten.
FORGET_SECONDS = 86_400.0
_OUTPUTS = 2 * len(TARGETS)
Values = NDArray[np.float32]


@dataclass
class _Waiting:
    """Forecasts of one moment whose outcomes are still to come; all of shape (nodes, ...)."""

    time_seconds: float
    raw: Values
    """(nodes, resources, outputs): before correction."""
    used: Values
    """(nodes, resources): newest use then; NaN: there was none."""
    scale: Values
    highest: Values
    """(nodes, resources): highest use since."""
    known_count: Values
    """(nodes, resources): known samples since."""
    done: int = 0
    """How many horizons are behind."""


class OffsetTracker:
    """Corrections of a fixed set of nodes: arrays in, arrays out. ``RollingCalibration`` is the same for tables.

    Args:
        nodes_count: how many nodes.
        tick_seconds: time between two calls of ``observe`` in a record without gaps.
    """

    def __init__(self, nodes_count: int, tick_seconds: float) -> None:
        self.tick_seconds = tick_seconds
        shape = (nodes_count, len(RESOURCES), len(TARGETS))
        self.gain = np.ones(shape, dtype=np.float32)
        self.offset = np.zeros(shape, dtype=np.float32)
        self.outcomes_count = np.zeros(shape, dtype=np.float32)
        self._waiting: list[_Waiting] = []

    @property
    def waiting_count(self) -> int:
        """Moments whose outcomes are still to come."""
        return len(self._waiting)

    def keep(self, old_rows: NDArray[np.intp]) -> None:
        """Sets the nodes anew: ``old_rows[new]`` is the row a node had, -1 for a new one, which begins without correction."""
        new = old_rows < 0

        def kept(values: Values, fill: float) -> Values:
            padded = np.concatenate([values, np.full((1, *values.shape[1:]), fill, dtype=np.float32)])
            return padded[np.where(new, len(values), old_rows)]

        self.gain, self.offset = kept(self.gain, 1.0), kept(self.offset, 0.0)
        self.outcomes_count = kept(self.outcomes_count, 0.0)
        for one in self._waiting:
            one.raw, one.used, one.scale = kept(one.raw, np.nan), kept(one.used, np.nan), kept(one.scale, np.nan)
            one.highest, one.known_count = kept(one.highest, np.nan), kept(one.known_count, 0.0)

    def observe(self, time_seconds: float, used: Values) -> None:
        """Takes what was measured at a tick and learns from every outcome that is now known.

        Args:
            time_seconds: of the tick, later than the last.
            used: shape (nodes, 2), CPU and memory, share of allocatable; NaN: not measured at this tick.
        """
        for one in self._waiting:
            one.highest = np.fmax(one.highest, used)
            one.known_count += ~np.isnan(used)
            while one.done < len(HORIZONS_SECONDS) and time_seconds >= one.time_seconds + HORIZONS_SECONDS[one.done]:
                due = one.time_seconds + HORIZONS_SECONDS[one.done]
                if time_seconds < due + self.tick_seconds:
                    expected = max(1, round((time_seconds - one.time_seconds) / self.tick_seconds))
                    enough = one.known_count >= MAX_COVERAGE_RATIO * expected
                    self._learn(one, 2 * one.done, used)
                    self._learn(one, 2 * one.done + 1, np.where(enough, one.highest, np.float32(np.nan)))
                one.done += 1
        self._waiting = [one for one in self._waiting if one.done < len(HORIZONS_SECONDS)]

    def issue(self, time_seconds: float, raw: Values, used: Values, scale: Values) -> None:
        """Takes forecasts, to be followed up; left out when the last ones are less than 5 minutes old.

        Args:
            time_seconds: of the tick.
            raw: shape (nodes, 2, 12): forecasts before correction.
            used: shape (nodes, 2): the use they start from.
            scale: shape (nodes, 2): unit of change.
        """
        if self._waiting and time_seconds < self._waiting[-1].time_seconds + ISSUE_SECONDS:
            return
        self._waiting.append(
            _Waiting(time_seconds, raw.copy(), used.copy(), scale.copy(), np.full_like(used, np.nan), np.zeros_like(used))
        )

    def corrected(self, raw: Values, used: Values, scale: Values) -> Values:
        """Forecasts with the corrections of now, in coherent order. Arguments as ``issue``; shape (nodes, 2, 12)."""
        answer = raw.copy()
        base = used[:, :, None]
        answer[:, :, 0::2] = np.where(np.isnan(base), raw[:, :, 0::2], base + self.gain * (raw[:, :, 0::2] - base))
        answer[:, :, 1::2] += np.where(np.isnan(scale), np.float32(0), scale)[:, :, None] * self.offset
        for resource in range(len(RESOURCES)):
            answer[:, resource] = cohere(np.ascontiguousarray(answer[:, resource]))
        return answer

    def _learn(self, one: _Waiting, target: int, came: Values) -> None:
        """One outcome per node and resource; ``came`` of shape (nodes, resources), NaN unknown."""
        p50, p95 = one.raw[:, :, 2 * target], one.raw[:, :, 2 * target + 1]
        known = ~np.isnan(came) & ~np.isnan(p95) & ~np.isnan(one.scale)
        seen = self.outcomes_count[:, :, target]
        rate = np.maximum(np.float32(RATE), np.float32(FIRST_RATE) / np.sqrt(1 + seen))
        missed = came > p95 + one.scale * self.offset[:, :, target]
        self.offset[:, :, target] += np.where(known, rate * np.where(missed, 0.95, -0.05), 0.0).astype(np.float32)
        change = p50 - one.used
        over = np.sign(came - (one.used + self.gain[:, :, target] * change)) * change / one.scale
        gain = self.gain[:, :, target] + np.where(known, np.float32(GAIN_RATE) * np.clip(over, -3, 3), np.float32(0))
        self.gain[:, :, target] = np.clip(gain, 0.0, 1.25)
        self.outcomes_count[:, :, target] += known


class RollingCalibration:
    """The corrections of a cluster whose nodes come and go, from table to table, in event time."""

    def __init__(self) -> None:
        self._begin(1.0)

    def _begin(self, tick_seconds: float) -> None:
        self._tracker = OffsetTracker(0, tick_seconds)
        self._row_of: dict[str, int] = {}
        self._seen_seconds = np.zeros(0)
        self._names: tuple[str, ...] = ()
        self._rows = np.zeros(0, dtype=np.intp)
        self._generation = 0

    @property
    def nodes_count(self) -> int:
        """Nodes that are remembered."""
        return len(self._row_of)

    def corrected(self, table: NodeTable, values: Values) -> Values:
        """Forecasts of a table with each node's correction; learns from the outcomes that the table brings.

        The same generation again learns nothing again. A lower one, one more than a day later, or another tick length, is another
        cluster: all is forgotten.

        Args:
            table: the node table; must hold the newest use and its age.
            values: shape (nodes, 24), float32, columns ``targets.COLUMNS``, as the models said; not changed.

        Returns:
            shape (nodes, 24), float32.
        """
        passed = table.generation - self._generation
        if passed < 0 or passed > FORGET_SECONDS or table.tick_seconds != self._tracker.tick_seconds:
            self._begin(table.tick_seconds)
        tracker = self._tracker
        self._follow(tracker, table)
        used, fresh, scale = self._of_table(table)
        raw = values.reshape(len(values), len(RESOURCES), len(COLUMNS) // len(RESOURCES))
        if table.generation > self._generation:
            tracker.observe(float(table.generation), self._spread(fresh))
            tracker.issue(float(table.generation), self._spread(raw), self._spread(used), self._spread(scale))
            self._generation = table.generation
        part = OffsetTracker(len(values), table.tick_seconds)
        part.gain, part.offset = tracker.gain[self._rows], tracker.offset[self._rows]
        return np.ascontiguousarray(part.corrected(raw, used, scale).reshape(values.shape))

    def _of_table(self, table: NodeTable) -> tuple[Values, Values, Values]:
        """Newest use, the same where it is of this tick, and unit of change; each (rows of the table, resources)."""
        used = np.stack([table.column(use_column(resource)) for resource in RESOURCES], axis=1)
        age = table.column("usage_age_seconds")[:, None]
        fresh = np.where(age <= table.tick_seconds + table.scrape_delay_seconds, used, np.float32(np.nan))
        scale = np.stack([scale_of(table.columns, table.values, resource) for resource in RESOURCES], axis=1)
        return used.astype(np.float32), fresh.astype(np.float32), scale.astype(np.float32)

    def _spread(self, values: Values) -> Values:
        """Rows of the table as rows of the tracker, NaN for nodes that are away."""
        if len(values) == len(self._row_of):
            answer = np.empty_like(values)
        else:
            answer = np.full((len(self._row_of), *values.shape[1:]), np.nan, dtype=np.float32)
        answer[self._rows] = values
        return answer

    def _follow(self, tracker: OffsetTracker, table: NodeTable) -> None:
        """Rows for nodes that came; forgets those long gone."""
        now = float(table.generation)
        if table.node_names != self._names:
            self._seen_seconds[self._rows] = max(self._generation, 0)
            here = set(table.node_names)
            kept = [n for n, row in self._row_of.items() if n in here or now - self._seen_seconds[row] < FORGET_SECONDS]
            names = [*kept, *(name for name in table.node_names if name not in self._row_of)]
            old_rows = np.array([self._row_of.get(name, -1) for name in names], dtype=np.intp)
            tracker.keep(old_rows)
            self._seen_seconds = np.append(self._seen_seconds, now)[old_rows]
            self._row_of = {name: row for row, name in enumerate(names)}
            self._rows = np.array([self._row_of[name] for name in table.node_names], dtype=np.intp)
            self._names = table.node_names
