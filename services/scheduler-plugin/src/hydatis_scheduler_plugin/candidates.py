"""The candidate nodes of a request, found in a node table.

kube-scheduler names nodes, the table has rows. A name may be unknown to the table (a node that just joined) or stand twice;
neither may cost the pod its decision, so both are sorted out here, once, and what follows works on known rows without repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat

import numpy as np
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

__all__ = ["Candidates", "locate"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates in the order offered, and the known among them."""

    names: list[str]
    """As offered; repeats stay."""
    rows: NDArray[np.int32]
    """shape (known,), int32: rows of the table, without repeats."""
    positions: NDArray[np.intp] | None
    """shape (names,): where each candidate stands in ``rows``, -1: unknown. None: candidate i is row i, all are known."""

    def spread(self, values: NDArray[np.generic], unknown: object) -> NDArray[np.generic]:
        """One value per known row as one value per candidate; an unknown one gets ``unknown``."""
        if self.positions is None:
            return values
        spread = np.full(len(self.names), unknown, dtype=values.dtype)
        known = self.positions >= 0
        spread[known] = values[self.positions[known]]
        return spread


def locate(names: list[str], table: NodeTable) -> Candidates:
    """Finds candidates, in the order offered, in a table."""
    rows = np.fromiter(map(table.row_by_name.get, names, repeat(-1)), dtype=np.int32, count=len(names))
    if rows.size == 0 or (int(rows.min()) >= 0 and int(np.bincount(rows).max()) == 1):
        return Candidates(names, rows, None)
    known = rows >= 0
    distinct, positions_of_known = np.unique(rows[known], return_inverse=True)
    positions = np.full(rows.size, -1, dtype=np.intp)
    positions[known] = positions_of_known
    return Candidates(names, distinct.astype(np.int32), positions)
