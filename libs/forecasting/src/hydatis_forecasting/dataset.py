"""Training rows: what the node table said, beside what came after.

A row is one node at one tick. Its inputs are taken from the very tables that serving reads, and its targets from the use that was
measured later, so nothing of the future can leak into the inputs. Rows that cannot be judged are dropped and counted, never filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hydatis_core.errors import InvalidValue, UnknownColumn
from hydatis_core.event_time import DAY_SECONDS
from hydatis_features.schema import match_columns
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_forecasting.inputs import INPUT_COLUMNS, use_column
from hydatis_forecasting.targets import TARGETS
from hydatis_forecasting.use_history import UseHistory

__all__ = ["Dataset", "build_dataset"]


@dataclass(frozen=True)
class Dataset:
    """Rows to train or judge a forecaster of one resource with."""

    resource: str
    """"cpu" or "memory"."""
    columns: tuple[tuple[str, str], ...]
    """(name, definition hash) of the input columns in order; the newest use is among them."""
    rows: NDArray[np.float32]
    """shape (m, columns), float32. NaN: unknown; the newest use is always known."""
    targets: NDArray[np.float32]
    """shape (m, 6), float32, in the order of ``targets.TARGETS``: what came after, shares >= 0, all known.
    The two quantiles of a target are judged against the same number, so 6 targets face 12 forecast columns."""
    yesterday: NDArray[np.float32]
    """shape (m, 6), float32: the same targets a day earlier (what came after t - 24 h). NaN: unknown."""
    generations: NDArray[np.int64]
    """shape (m,): the tick of each row, Unix seconds, never falling."""
    node_rows: NDArray[np.int32]
    """shape (m,): the node of each row, as its position in the history."""
    dropped_no_use_count: int = 0
    """Rows left out because the newest use was unknown."""
    dropped_no_future_count: int = 0
    """Rows left out because at least one target was unknown."""

    @property
    def current(self) -> NDArray[np.float32]:
        """shape (m,): the newest use of each row, a view."""
        names = [name for name, _ in self.columns]
        return self.rows[:, names.index(use_column(self.resource))]

    def column(self, name: str) -> NDArray[np.float32]:
        """One input column, shape (m,).

        Raises:
            UnknownColumn: it is not an input.
        """
        names = [own for own, _ in self.columns]
        if name not in names:
            raise UnknownColumn(f"column {name!r} is not an input", field="columns")
        return self.rows[:, names.index(name)]

    def where(self, mask: NDArray[np.bool_] | NDArray[np.intp]) -> Dataset:
        """The rows that a mask or positions pick, in the same order; the dropped counts stay those of the whole."""
        return replace(
            self,
            rows=self.rows[mask],
            targets=self.targets[mask],
            yesterday=self.yesterday[mask],
            generations=self.generations[mask],
            node_rows=self.node_rows[mask],
        )


def build_dataset(
    tables: Iterable[NodeTable],
    history: UseHistory,
    resource: str,
    columns: Sequence[tuple[str, str]] = INPUT_COLUMNS,
) -> Dataset:
    """Joins tables with what came after them.

    Args:
        tables: of rising generation; nodes may differ from table to table and must be known to the history.
        history: the use that was measured, reaching at least an hour past the tables to be of use.
        resource: "cpu" or "memory".
        columns: (name, definition hash) of the inputs wanted.

    Returns:
        The rows with known newest use and known future, ordered by tick and then by row of the table.

    Raises:
        UnknownColumn: a table lacks a column, or has it with another definition; or the newest use is not among the columns.
        InvalidValue: no tables, generations that do not rise, or a node that the history does not know.
    """
    base = use_column(resource)
    names = [name for name, _ in columns]
    if base not in names:
        raise UnknownColumn(f"the newest use {base!r} is not among the inputs", field="columns")
    position_of = {name: position for position, name in enumerate(history.node_names)}
    parts: list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.int32]]] = []
    no_use_count = no_future_count = last_generation = 0
    for table in tables:
        if table.generation <= last_generation:
            raise InvalidValue(
                f"generation {table.generation} after {last_generation}", field="tables", expected="rising generations"
            )
        last_generation = table.generation
        unknown = [name for name in table.node_names if name not in position_of]
        if unknown:
            raise InvalidValue(f"node {unknown[0]!r} is not in the history", field="tables", expected="nodes of the history")
        nodes = np.array([position_of[name] for name in table.node_names], dtype=np.int32)
        positions = match_columns(list(columns), dict(zip(table.columns, table.column_hashes, strict=True)), table.column_index)
        future = history.future(resource, table.generation)[nodes]
        used = ~np.isnan(table.column(base))
        known = ~np.isnan(future).any(axis=1)
        kept = used & known
        no_use_count += int(np.count_nonzero(~used))
        no_future_count += int(np.count_nonzero(used & ~known))
        yesterday = history.future(resource, table.generation - DAY_SECONDS)[nodes]
        generations = np.full(int(np.count_nonzero(kept)), table.generation, dtype=np.int64)
        parts.append((table.values[np.ix_(kept, positions)], future[kept], yesterday[kept], generations, nodes[kept]))
    if not parts:
        raise InvalidValue("there are no tables", field="tables", expected="one or more tables")
    rows, targets, yesterdays, ticks, node_rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    assert targets.shape[1] == len(TARGETS)
    return Dataset(resource, tuple(columns), rows, targets, yesterdays, ticks, node_rows, no_use_count, no_future_count)
