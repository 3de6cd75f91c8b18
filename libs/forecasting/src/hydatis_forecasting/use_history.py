"""What nodes really used over time, and what the future of a moment turned out to be.

Training and evaluation need the same answer to "what came after t?", so the rule for it stands here once: on a grid of ticks a
horizon rarely ends exactly at a sample, and samples go missing.

The rule, for a moment t, a horizon h and samples one tick apart:

* the horizon ends at e, the first sample time >= t + h. It is known only if e < t + h + tick (no gap in the record). When the tick
  is longer than the horizon, e is simply the next tick at or after the horizon's end.
* point: the use at e; unknown if that sample is.
* max: the highest known use over (t, e]; unknown if fewer than 80 % of the samples that a record without gaps would have are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_forecasting.inputs import use_column
from hydatis_forecasting.targets import HORIZONS_SECONDS, RESOURCES, TARGETS

__all__ = ["MAX_COVERAGE_RATIO", "UseHistory"]

#: Share of the samples of a window that must be known for its maximum to be known.
MAX_COVERAGE_RATIO = 0.8


@dataclass(frozen=True)
class UseHistory:
    """Use of every node at every tick.

    Raises:
        InvalidValue: times are not finite and strictly rising, a tick is not positive, or a use is infinite or below 0.
        WrongShape: a matrix is not float32 of ticks x nodes.
        Duplicate: a node stands twice.
    """

    times_seconds: NDArray[np.float64]
    """shape (ticks,), Unix seconds, strictly rising: the tick at which the sample was seen."""
    node_names: tuple[str, ...]
    """Names in column order."""
    cpu: NDArray[np.float32]
    """shape (ticks, nodes), float32: CPU used as a share of allocatable, >= 0. NaN: unknown."""
    memory: NDArray[np.float32]
    """shape (ticks, nodes), float32: memory used as a share of allocatable, >= 0. NaN: unknown."""
    tick_seconds: float
    """Time between two samples of a record without gaps, > 0."""

    def __post_init__(self) -> None:
        times = self.times_seconds
        if times.ndim != 1 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise InvalidValue("times do not rise", field="times_seconds", expected="finite Unix seconds, each after the last")
        if not self.tick_seconds > 0:
            raise InvalidValue(f"{self.tick_seconds!r} is not a tick", field="tick_seconds", expected="seconds > 0")
        if len(set(self.node_names)) != len(self.node_names):
            raise Duplicate("a node stands twice", field="node_names", expected="names without repeats")
        expected = (len(times), len(self.node_names))
        for resource in RESOURCES:
            used = self.of(resource)
            if used.shape != expected or used.dtype != np.float32:
                raise WrongShape(f"{used.dtype} of shape {used.shape}", field=resource, expected=f"float32 of shape {expected}")
            if np.isinf(used).any() or (used < 0).any():
                raise InvalidValue("a use is infinite or negative", field=resource, expected="shares >= 0, or NaN for unknown")

    @classmethod
    def from_tables(cls, tables: Sequence[NodeTable]) -> UseHistory:
        """The history that a run of tables saw: the newest use of each, unknown where it is older than a tick.

        Args:
            tables: at least one, of rising generation, all of the same nodes and tick.

        Raises:
            InvalidValue: no tables, or tables of different nodes.
            UnknownColumn: a table lacks a column of use.
        """
        if not tables or any(table.node_names != tables[0].node_names for table in tables):
            raise InvalidValue(
                "not a run of tables of the same nodes", field="tables", expected="one or more tables of the same nodes"
            )
        newest = tables[0]
        oldest_seconds = newest.tick_seconds + newest.scrape_delay_seconds

        def used(resource: str) -> NDArray[np.float32]:
            rows = [
                np.where(
                    table.column("usage_age_seconds") <= oldest_seconds, table.column(use_column(resource)), np.float32(np.nan)
                )
                for table in tables
            ]
            return np.stack(rows).astype(np.float32)

        times = np.array([table.generation for table in tables], dtype=np.float64)
        return cls(times, newest.node_names, used("cpu"), used("memory"), newest.tick_seconds)

    def of(self, resource: str) -> NDArray[np.float32]:
        """The matrix of a resource ("cpu" or "memory"), shape (ticks, nodes)."""
        matrices = {"cpu": self.cpu, "memory": self.memory}
        if resource not in matrices:
            raise InvalidValue(f"{resource!r} is not a resource", field="resource", expected="cpu or memory")
        return matrices[resource]

    def future(self, resource: str, time_seconds: float) -> NDArray[np.float32]:
        """What came after a moment, by the rule above.

        Args:
            resource: "cpu" or "memory".
            time_seconds: the moment t; it need not be a tick of the history.

        Returns:
            shape (nodes, 6), float32, in the order of ``targets.TARGETS``: shares >= 0, NaN unknown.
        """
        used = self.of(resource)
        answer = np.full((len(TARGETS), used.shape[1]), np.nan, dtype=np.float32)
        first = int(np.searchsorted(self.times_seconds, time_seconds, side="right"))
        for position, horizon in enumerate(HORIZONS_SECONDS):
            end = int(np.searchsorted(self.times_seconds, time_seconds + horizon, side="left"))
            if end >= len(used) or self.times_seconds[end] >= time_seconds + horizon + self.tick_seconds:
                continue
            window = used[first : end + 1]
            answer[2 * position] = used[end]
            due_count = max(1, round((self.times_seconds[end] - time_seconds) / self.tick_seconds))
            known_count = np.count_nonzero(~np.isnan(window), axis=0)
            highest = np.fmax.reduce(window, axis=0)
            answer[2 * position + 1] = np.where(known_count >= MAX_COVERAGE_RATIO * due_count, highest, np.nan)
        return np.ascontiguousarray(answer.T)
