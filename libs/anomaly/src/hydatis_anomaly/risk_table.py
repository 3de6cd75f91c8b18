"""The risk table: how anomalous every node is, as of one tick.

It is the twin of the node table of the same generation (same rows, same order). Risk is a statement about how unusual a node's
behaviour is, not a probability of failure: high is more anomalous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["FlaggedNode", "RiskTable"]


@dataclass(frozen=True, slots=True)
class FlaggedNode:
    """Why a node was flagged, and for how long it has been."""

    row: int
    """Row of the node in the node table of the generation."""
    ticks_count: int
    """For how many ticks in a row its risk has passed the threshold, >= 1."""
    confirmed: bool
    """Whether that is long enough to count."""
    contributions: tuple[tuple[str, float], ...] = ()
    """(column, share of the node's risk 0..1), largest first, at most five."""


@dataclass(frozen=True)
class RiskTable:
    """Risk of all nodes at one tick.

    Raises:
        WrongShape: risk is not float32 of shape (nodes,).
        InvalidValue: a risk or the threshold is outside 0..1, the generation is not positive, or a flagged row is not in the table.
        Duplicate: a row is flagged twice.
    """

    generation: int
    """The tick of the node table it was computed from, Unix seconds, > 0."""
    risk: NDArray[np.float32]
    """shape (nodes,), float32, read-only: 0..1, high = more anomalous. NaN: unknown."""
    threshold: float
    """The model's risk from which a node is flagged, 0..1. A node with a record has a threshold of its own
    (``trailing_threshold``); ``flagged`` says who passed it."""
    flagged: tuple[FlaggedNode, ...] = ()
    """The flagged nodes, rows without repeats."""
    model_version: str = ""
    """Semantic version of the anomaly-detector model that computed it."""

    def __post_init__(self) -> None:
        if self.generation <= 0:
            raise InvalidValue(f"{self.generation} is not a generation", field="generation", expected="a tick time > 0")
        if self.risk.ndim != 1 or self.risk.dtype != np.float32:
            raise WrongShape(
                f"{self.risk.dtype} risk of shape {self.risk.shape}", field="risk", expected="float32 of shape (nodes,)"
            )
        wrong = (self.risk < 0) | (self.risk > 1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InvalidValue(f"risk of row {row} is {self.risk[row]}", field="risk", expected="0..1, or NaN for unknown")
        if not 0.0 <= self.threshold <= 1.0:
            raise InvalidValue(f"threshold is {self.threshold!r}", field="threshold", expected="0..1")
        rows = [node.row for node in self.flagged]
        if rows and (min(rows) < 0 or max(rows) >= len(self.risk)):
            raise InvalidValue("a flagged row is not in the table", field="flagged", expected=f"0..{len(self.risk) - 1}")
        if len(set(rows)) != len(rows):
            raise Duplicate("a row is flagged twice", field="flagged", expected="rows without repeats")
        self.risk.flags.writeable = False

    @property
    def confirmed(self) -> NDArray[np.bool_]:
        """shape (nodes,), bool: which nodes are confirmed anomalous."""
        mask = np.zeros(len(self.risk), dtype=np.bool_)
        mask[[node.row for node in self.flagged if node.confirmed]] = True
        return mask
