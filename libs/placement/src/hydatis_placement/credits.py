"""Credits: load on a node that its measurements do not show yet.

A scheduler that looks at measured load alone places a whole burst on the node that looked empty, because the measurements lag
the bindings. So every pod that was chosen or bound is credited: with its expected use less what the metric window already shows of
it, and with its requests and its law's loads until a table counts them itself. This is what a decision is told of that; who keeps
count is ``credit_ledger``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_features.use_law import SCALES
from numpy.typing import NDArray

__all__ = ["CREDIT_COLUMNS", "Credits"]

#: Columns of ``Credits.values``, all >= 0: expected use not yet measured, then requests not yet in the table, then loads not yet in
#: the table (``use_law.loads``: what the laws of these pods load their node by at each scale, share of its room).
CREDIT_COLUMNS: tuple[str, ...] = (
    "cpu_p50_cores",
    "cpu_p95_cores",
    "memory_p50_bytes",
    "memory_p95_bytes",
    "cpu_requested_cores",
    "memory_requested_bytes",
    "pod_count",
    *(f"{resource}_effective_{scale:.0f}_ratio" for resource in ("cpu", "memory") for scale in SCALES),
)
_WIDTH = len(CREDIT_COLUMNS)


def _no_rows() -> NDArray[np.int32]:
    return np.empty(0, dtype=np.int32)


def _no_values() -> NDArray[np.float32]:
    return np.empty((0, _WIDTH), dtype=np.float32)


@dataclass(frozen=True)
class Credits:
    """Credits of the nodes that have any, for one table.

    Raises:
        WrongShape: values are not rows x 13 float32, or rows are not int32.
        InvalidValue: a value is negative, NaN or infinite, or a row is negative.
        Duplicate: a row stands twice.
    """

    rows: NDArray[np.int32] = field(default_factory=_no_rows)
    """shape (credited nodes,), int32: rows of the table, without repeats."""
    values: NDArray[np.float32] = field(default_factory=_no_values)
    """shape (credited nodes, 13), float32, >= 0: columns as in ``CREDIT_COLUMNS``."""

    def __post_init__(self) -> None:
        expected = (self.rows.size, _WIDTH)
        if self.rows.ndim != 1 or self.rows.dtype != np.int32:
            raise WrongShape(f"{self.rows.dtype} of shape {self.rows.shape}", field="credits.rows", expected="int32 of one axis")
        if self.values.shape != expected or self.values.dtype != np.float32:
            shown = f"{self.values.dtype} of shape {self.values.shape}"
            raise WrongShape(shown, field="credits.values", expected=f"float32 of shape {expected}")
        if self.rows.size == 0:
            return
        if not (np.isfinite(self.values).all() and (self.values >= 0).all()):
            raise InvalidValue("a credit is negative or not finite", field="credits.values", expected="finite values >= 0")
        if int(self.rows.min()) < 0:
            raise InvalidValue("a row is negative", field="credits.rows", expected="rows >= 0")
        if int(np.bincount(self.rows).max()) > 1:
            raise Duplicate("a row stands twice", field="credits.rows", expected="rows without repeats")

    def at(self, rows: NDArray[np.int32], node_count: int) -> NDArray[np.float32]:
        """Credits of wanted rows.

        Args:
            rows: shape (wanted,), rows of the table.
            node_count: rows that the table has.

        Returns:
            shape (13, wanted), float32: one line per credit column, zero where a node has no credit.

        Raises:
            InvalidValue: a credited row is not of the table.
        """
        if self.rows.size == 0:
            return np.zeros((_WIDTH, rows.size), dtype=np.float32)
        if int(self.rows.max()) >= node_count:
            raise InvalidValue(f"row {int(self.rows.max())} has a credit", field="credits.rows", expected=f"0..{node_count - 1}")
        position = np.full(node_count, self.rows.size, dtype=np.int32)
        position[self.rows] = np.arange(self.rows.size, dtype=np.int32)
        # One line of zeros after the last stands for all nodes without a credit.
        lines = np.zeros((_WIDTH, self.rows.size + 1), dtype=np.float32)
        lines[:, :-1] = self.values.T
        return lines.take(position.take(rows), axis=1)
