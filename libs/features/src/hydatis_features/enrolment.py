"""What the profile book needs to know of many pods at once, in columns.

Looking each of 50,000 pods up by name at every tick would take longer than the tick's whole arithmetic. A pod is enrolled once,
when it is bound, and known by its row numbers from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASS_LEVEL_COUNT", "EnrolledPods"]

CLASS_LEVEL_COUNT = 3


@dataclass(frozen=True, slots=True)
class EnrolledPods:
    """Columns of m pods; pods of equal position belong together."""

    workload_rows: NDArray[np.intp]
    """shape (m,), row of the pod's workload; -1: unknown workload, or the book is full."""
    class_rows: NDArray[np.intp]
    """shape (m, 3), rows of the pod's classes, narrowest first; -1: the book is full."""
    base_amounts: NDArray[np.float64]
    """shape (m, 2), CPU cores and memory bytes that use is divided by, > 0."""
    limit_amounts: NDArray[np.float64]
    """shape (m, 2), CPU cores and memory bytes that use cannot pass; infinite: no limit."""

    @classmethod
    def empty(cls, count: int) -> EnrolledPods:
        """Columns for pods yet to be written: of no workload and no class."""
        return cls(
            np.full(count, -1, dtype=np.intp),
            np.full((count, CLASS_LEVEL_COUNT), -1, dtype=np.intp),
            np.ones((count, 2)),
            np.full((count, 2), np.inf),
        )

    def take(self, positions: NDArray[np.intp]) -> EnrolledPods:
        """The pods at these positions."""
        return EnrolledPods(
            self.workload_rows[positions], self.class_rows[positions], self.base_amounts[positions], self.limit_amounts[positions]
        )

    def grown(self, count: int) -> EnrolledPods:
        """A copy with room for so many pods."""
        larger = EnrolledPods.empty(count)
        have = len(self.workload_rows)
        for mine, theirs in (
            (self.workload_rows, larger.workload_rows),
            (self.class_rows, larger.class_rows),
            (self.base_amounts, larger.base_amounts),
            (self.limit_amounts, larger.limit_amounts),
        ):
            theirs[:have] = mine
        return larger

    def write(self, positions: Sequence[int], pods: EnrolledPods) -> None:
        """Writes pods to positions."""
        at = np.asarray(positions, dtype=np.intp)
        self.workload_rows[at] = pods.workload_rows
        self.class_rows[at] = pods.class_rows
        self.base_amounts[at] = pods.base_amounts
        self.limit_amounts[at] = pods.limit_amounts
