"""What questions about nodes are answered from: what was made of the newest node tables, with the tables it was made of.

A caller names nodes or rows of a generation; the table of that generation says which is which, so the two are kept together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_serving.generations import Generations

__all__ = ["Found", "NodesAsked", "TickBook"]

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class NodesAsked:
    """Which nodes of which generation."""

    generation: int = 0
    """0: the newest."""
    rows: NDArray[np.int32] | None = None
    """Rows of it; None: ``node_names`` says which."""
    node_names: tuple[str, ...] = ()
    """Names; empty, too: all nodes."""


@dataclass(frozen=True, slots=True)
class Found(Generic[Made]):
    """What was made of one generation, and which of its nodes were asked for."""

    made: Made
    """About all nodes."""
    rows: NDArray[np.int32] | None
    """Rows asked for, in order; None: all."""


class TickBook(Generic[Made]):
    """Keeps what was made of the newest tables.

    Args:
        noun: what is kept, for error messages ("forecast").
        keep_count: of how many generations.
    """

    def __init__(self, noun: str, keep_count: int = 3) -> None:
        self._held: Generations[tuple[NodeTable, Made]] = Generations(keep_count, noun)

    def put(self, table: NodeTable, made: Made) -> None:
        """Takes what was made of a table.

        A lower generation than the newest means that another cluster was loaded: the others are let go.
        """
        if table.generation < self._held.newest:
            self._held.clear()
        self._held.put(table.generation, (table, made))

    def find(self, asked: NodesAsked) -> Found[Made]:
        """What is known of the nodes asked for.

        Raises:
            GenerationUnavailable: nothing was made of that generation.
            UnknownNode: a row or name is not of it.
            Duplicate: a row or name stands twice.
        """
        table, made = self._held.get(asked.generation)
        rows = asked.rows
        if rows is not None:
            table.check_rows(rows)
        elif asked.node_names:
            rows = table.rows_of(asked.node_names)
        return Found(made, rows)
