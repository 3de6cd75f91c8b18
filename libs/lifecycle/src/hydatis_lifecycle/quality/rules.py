"""How rules about a table are written down: columns, rows, series and units, each a line of a table.

A rule says what would be right; ``table_check`` finds what is not. Rules of a published trace stand in
``hydatis_pipelines.raw_quality``, so that what is asked of a data set can be read in one screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "ColumnRule", "Columns", "RowRule", "SeriesRule", "TableRules", "UnitRule"]

#: Columns of a batch by name, shape (rows,): numbers as they are stored (NaN: unknown), text as objects (None: unknown).
Columns = Mapping[str, NDArray[Any]]

#: What a column may hold.
KINDS = ("integer", "number", "text")


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """A column that must be there. A value out of range costs accuracy, an unknown one completeness."""

    name: str
    kind: str = "number"
    """One of ``KINDS``; "number" takes integers, too."""
    low: float | None = None
    high: float | None = None
    """Bounds that belong to the range; None: there is none."""
    nullable: bool = False
    """Whether values may be unknown."""


@dataclass(frozen=True, slots=True)
class RowRule:
    """What must hold in every row by itself."""

    name: str
    dimension: str
    columns: tuple[str, ...]
    """What it looks at."""
    text: str
    """What is wrong with a row that breaks it."""
    breaks: Callable[[Columns], NDArray[np.bool_]]
    """Of a batch, shape (rows,): which rows break it. Unknown values break nothing."""
    hard: bool = False
    scored: bool = True


@dataclass(frozen=True, slots=True)
class SeriesRule:
    """Rows that belong together, and their time: who repeats whom, what is late, what is missing."""

    key: tuple[str, ...]
    """Columns that say whose row it is."""
    time: str = ""
    """Column of time; empty: rows have no time, and the key alone must be nobody else's."""
    step: float = 0.0
    """Between samples, in the unit of the column; 0: they come when they come."""
    late_steps: float = 1.5
    """A sample is late when it comes more than so many steps after the one before it."""
    silent_steps: float = 12.0
    """The table is silent when nobody has a sample for more than so many steps; 0: its series are not of one time."""
    unix: bool = False
    """Whether times are Unix seconds, which must not lie in the future."""


@dataclass(frozen=True, slots=True)
class UnitRule:
    """What size a quantity has when its unit is the one that its name says. A single file out of it stops training."""

    column: str
    unit: str
    of: Callable[[Columns], NDArray[np.floating[Any]]]
    """Of a batch: what is looked at; a ratio of two columns is a cross-check. NaN is left out."""
    low: float
    high: float
    """Bounds of the statistic."""
    mistaken: Mapping[str, float]
    """Units that it may have instead, each with the factor that gives the right one."""
    statistic: str = "median"
    """"median" or "max", of each file."""


@dataclass(frozen=True, slots=True)
class TableRules:
    """All that is asked of one table."""

    name: str
    files: str
    """Pattern of its files in the folder."""
    columns: tuple[ColumnRule, ...]
    """In no order; other columns are a changed schema."""
    rows: tuple[RowRule, ...] = ()
    series: SeriesRule | None = None
    units: tuple[UnitRule, ...] = ()

    def column(self, name: str) -> ColumnRule:
        """A column's rule by its name."""
        return next(rule for rule in self.columns if rule.name == name)
