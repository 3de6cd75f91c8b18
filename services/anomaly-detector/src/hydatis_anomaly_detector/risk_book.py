"""The scores that questions are answered from: those of the newest ticks, with the tables they were made of.

A caller names nodes or rows of a generation; the table of that generation says which is which, so the two are kept together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_anomaly.risk_table import RiskTable
from hydatis_features.table import NodeTable
from hydatis_serving.generations import Generations
from numpy.typing import NDArray

__all__ = ["NodeRisks", "RiskBook"]


@dataclass(frozen=True, slots=True)
class NodeRisks:
    """Scores of some nodes of one generation."""

    risk: RiskTable
    rows: NDArray[np.int32] | None
    """Rows asked for, in order; None: all."""


class RiskBook:
    """Keeps the newest scores.

    Args:
        keep_count: of how many generations.
    """

    def __init__(self, keep_count: int = 3) -> None:
        self._held: Generations[tuple[NodeTable, RiskTable]] = Generations(keep_count, noun="score")

    def put(self, table: NodeTable, risk: RiskTable) -> None:
        """Takes scores. A lower generation than the newest means that another cluster was loaded: the others are let go."""
        if table.generation < self._held.newest:
            self._held.clear()
        self._held.put(table.generation, (table, risk))

    def find(self, generation: int, rows: NDArray[np.int32] | None, node_names: list[str]) -> NodeRisks:
        """Scores of nodes.

        Args:
            generation: generation wanted; 0: the newest.
            rows: rows of it; None: ``node_names`` says which.
            node_names: names; empty, too: all nodes.

        Raises:
            GenerationUnavailable: there are no scores of that generation.
            UnknownNode: a row or name is not of it.
            Duplicate: a row or name stands twice.
        """
        table, risk = self._held.get(generation)
        if rows is None and node_names:
            rows = table.rows_of(node_names)
        elif rows is not None:
            table.check_rows(rows)
        return NodeRisks(risk, rows)
