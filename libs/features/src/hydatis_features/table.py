"""The node table: what is known of every node at one tick.

A table is a value: it is never changed after it was made. Its generation (the tick time) is its identity, and a node's row is its
position in ``node_names`` of that generation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, UnknownColumn, UnknownNode, WrongShape
from hydatis_core.nodes import GpuDevice
from numpy.typing import NDArray

from hydatis_features.gpu_demand import GpuDemand

__all__ = ["NodeTable"]

Matrix = NDArray[np.float32]
Rows = NDArray[np.int32]


@dataclass(frozen=True)
class NodeTable:
    """What is known of every node at one tick.

    Raises:
        WrongShape: values are not nodes x columns.
        Duplicate: a node or column stands twice.
        InvalidValue: a value is infinite, or the generation is not positive.
    """

    generation: int
    """Aligned tick time, Unix seconds, > 0."""
    node_names: tuple[str, ...]
    """Names in row order."""
    columns: tuple[str, ...]
    """Column names in order: those of ``schema.SCHEMA`` or a subset."""
    values: Matrix
    """shape (nodes, columns), float32, C order, read-only. NaN: unknown."""
    column_hashes: tuple[str, ...] = ()
    """Definition hashes of the columns."""
    gpus: dict[int, tuple[GpuDevice, ...]] = field(default_factory=dict)
    """GPU devices by row, for nodes that have any."""
    tick_seconds: float = 60.0
    """Length of a tick."""
    metric_window_seconds: float = 900.0
    """Seconds until the measured windows show all of a new pod."""
    scrape_delay_seconds: float = 0.0
    """Seconds between a sample's being taken and its being seen."""
    gpu_demand: GpuDemand = field(default_factory=GpuDemand)
    """What the GPU pods bound so far asked for (``GpuDemandSums.publish``); empty without any."""

    def __post_init__(self) -> None:
        if self.generation <= 0:
            raise InvalidValue(f"{self.generation} is not a generation", field="generation", expected="a tick time > 0")
        expected = (len(self.node_names), len(self.columns))
        if self.values.shape != expected or self.values.dtype != np.float32:
            shown = f"{self.values.dtype} values of shape {self.values.shape}"
            raise WrongShape(shown, field="values", expected=f"float32 of shape {expected}")
        if len(self.row_by_name) != len(self.node_names):
            raise Duplicate("a node stands twice", field="node_names", expected="names without repeats")
        if len(self.column_index) != len(self.columns):
            raise Duplicate("a column stands twice", field="columns", expected="names without repeats")
        if np.isinf(self.values).any():
            row, column = np.argwhere(np.isinf(self.values))[0]
            shown = f"column {self.columns[column]} of node {self.node_names[row]} is infinite"
            raise InvalidValue(shown, field="values", expected="finite values, or NaN for unknown")
        self.values.flags.writeable = False

    @cached_property
    def row_by_name(self) -> dict[str, int]:
        """Row of each node."""
        return {name: row for row, name in enumerate(self.node_names)}

    @cached_property
    def column_index(self) -> dict[str, int]:
        """Position of each column."""
        return {name: i for i, name in enumerate(self.columns)}

    def column(self, name: str) -> NDArray[np.float32]:
        """One column, shape (nodes,).

        Raises:
            UnknownColumn: the table has no such column.
        """
        position = self.column_index.get(name)
        if position is None:
            raise UnknownColumn(f"column {name!r} is not in the table", field="columns")
        return self.values[:, position]

    def rows_of(self, names: list[str] | tuple[str, ...]) -> Rows:
        """Rows of nodes by name, shape (len(names),), int32.

        Raises:
            UnknownNode: a name is not in the table.
            Duplicate: a name stands twice.
        """
        try:
            rows = np.fromiter(map(self.row_by_name.__getitem__, names), dtype=np.int32, count=len(names))
        except KeyError as missing:
            raise UnknownNode(f"node {missing.args[0]!r} is not in generation {self.generation}", field="node_names") from None
        if len(set(names)) != len(names):
            raise Duplicate("a node stands twice", field="node_names", expected="names without repeats")
        return rows

    def check_rows(self, rows: Rows) -> None:
        """Refuses rows that are not of this table.

        Raises:
            UnknownNode: a row is outside 0..nodes-1.
            Duplicate: a row stands twice.
        """
        if rows.size and (int(rows.min()) < 0 or int(rows.max()) >= len(self.node_names)):
            shown = f"row {int(rows.max()) if int(rows.min()) >= 0 else int(rows.min())}"
            raise UnknownNode(
                f"{shown} is not in generation {self.generation}", field="rows", expected=f"0..{len(self.node_names) - 1}"
            )
        if np.bincount(rows, minlength=1).max(initial=0) > 1:
            raise Duplicate("a row stands twice", field="rows", expected="rows without repeats")
