"""Finds a model's columns in the rows that a client sends.

A client sends its whole table row and says what stands in it; the model takes what it was trained on, by name and definition. So a
model with other features can be rolled out beside the old one, and a column whose meaning changed is refused instead of fed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, UnknownColumn
from hydatis_features.schema import match_columns
from numpy.typing import NDArray

__all__ = ["ColumnPicker"]

#: Clients send a handful of different tables; more in the cache would be a client inventing them.
MAX_CACHED = 32
MAX_TEXT_LENGTH = 1 << 19


class ColumnPicker:
    """Picks the wanted columns from rows laid out as a text says. Remembers layouts it has seen.

    Args:
        wanted: (name, definition hash) in the model's order.
    """

    def __init__(self, wanted: Sequence[tuple[str, str]]) -> None:
        self.wanted = tuple(wanted)
        self.taken_layout = ""
        """Newest layout that rows were taken from; empty: none yet."""
        self.unfit_layout = ""
        """Newest layout that lacks a wanted column, as long as none was taken."""
        self._known: dict[str, tuple[int, NDArray[np.intp] | None]] = {}

    def pick(self, layout: str, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The model's columns.

        Args:
            layout: what the rows hold: ``name:hash,name:hash,...``.
            rows: shape (n, k), k as many as the layout names.

        Returns:
            shape (n, len(wanted)), C order; ``rows`` itself when the layout is the model's own.

        Raises:
            InvalidValue: no layout, or not of that form.
            Duplicate: a column stands twice.
            UnknownColumn: a wanted column is not there, has another definition, or the layout does not name every column sent.
        """
        count, positions = self._positions(layout)
        if rows.shape[1] != count:
            raise UnknownColumn(
                f"{count} columns are named for {rows.shape[1]} sent", field="columns", expected="one name per column"
            )
        self.taken_layout = layout
        return rows if positions is None else rows.take(positions, axis=1)

    def check(self, layout: str) -> None:
        """Holds a layout against the wanted columns.

        Raises:
            InvalidValue, Duplicate, UnknownColumn: as ``pick``.
        """
        self._positions(layout)

    def _positions(self, layout: str) -> tuple[int, NDArray[np.intp] | None]:
        known = self._known.get(layout)
        if known is None:
            try:
                known = self._read(layout)
            except UnknownColumn:
                self.unfit_layout = "" if self.taken_layout else layout
                raise
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            self._known[layout] = known
        return known

    def _read(self, layout: str) -> tuple[int, NDArray[np.intp] | None]:
        form = "name:hash,name:hash,..."
        if not layout or len(layout) > MAX_TEXT_LENGTH:
            shown = "the parameter is missing" if not layout else f"the parameter has {len(layout)} characters"
            raise InvalidValue(shown, field="columns", expected=form)
        hashes: dict[str, str] = {}
        index: dict[str, int] = {}
        for position, item in enumerate(layout.split(",")):
            name, separator, definition_hash = item.partition(":")
            if not (name and separator and definition_hash):
                raise InvalidValue(f"{item[:60]!r} does not name a column", field="columns", expected=form)
            if name in index:
                raise Duplicate(f"column {name[:60]!r} stands twice", field="columns", expected="names without repeats")
            hashes[name] = definition_hash
            index[name] = position
        positions = match_columns(list(self.wanted), hashes, index)
        own_order = len(index) == len(positions) and bool((positions == np.arange(len(positions))).all())
        return len(index), None if own_order else positions
