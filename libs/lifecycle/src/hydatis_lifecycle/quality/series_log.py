"""Whose every row is and its time, kept while a table is read, and what that says when it has been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydatis_lifecycle.quality.report import Example, Finding
from hydatis_lifecycle.quality.rules import Columns, SeriesRule
from hydatis_lifecycle.quality.series import SeriesFaults, series_faults

__all__ = ["SeriesLog"]

#: Where a row of the table stands: its file, and its row in it.
Place = Callable[[int], tuple[str, int]]


class SeriesLog:
    """Keys and times of all rows of a table.

    Args:
        table: its name.
        rule: of its series.
        examples_count: of each finding.
    """

    def __init__(self, table: str, rule: SeriesRule, examples_count: int) -> None:
        self._table, self._rule, self._examples_count = table, rule, examples_count
        self._codes: list[dict[Any, int]] = [{} for _ in rule.key]
        self._keys: list[list[NDArray[np.int32]]] = [[] for _ in rule.key]
        self._times: list[NDArray[Any]] = []

    def add(self, batch: Columns) -> None:
        """Keeps rows."""
        for name, codes, kept in zip(self._rule.key, self._codes, self._keys, strict=True):
            own, texts = pd.factorize(batch[name])
            lookup = np.array([codes.setdefault(text, len(codes)) for text in texts.tolist()] + [-1], dtype=np.int32)
            kept.append(lookup[own])
        count = len(batch[self._rule.key[0]])
        times = np.asarray(batch[self._rule.time]) if self._rule.time else np.zeros(count, dtype=np.int8)
        # a difference of two 32-bit times may not fit into one
        self._times.append(times.astype(np.int64) if self._rule.time and times.dtype.kind in "iu" else times)

    def findings(self, now_seconds: float | None, place: Place) -> tuple[SeriesFaults, list[tuple[Finding, NDArray[np.intp]]]]:
        """What was found, each with its rows of the table.

        Args:
            now_seconds: Unix time that nothing may be after; None: the future is not looked for.
            place: where a row stands.
        """
        columns = [np.concatenate(kept) for kept in self._keys]
        keys: NDArray[np.signedinteger[Any]] = columns[0]
        for codes, column in zip(self._codes[1:], columns[1:], strict=True):
            both = np.where((keys < 0) | (column < 0), -1, keys.astype(np.int64) * len(codes) + column)
            # numbered anew: the product of many columns would not fit
            keys = np.where(both < 0, -1, pd.factorize(both)[0])
        times = np.concatenate(self._times)
        faults = series_faults(self._rule, keys, times, now_seconds)
        texts = [list(codes) for codes in self._codes]

        def example(row: int, **more: float) -> Example:
            told = {name: texts[at][columns[at][row]] for at, name in enumerate(self._rule.key) if columns[at][row] >= 0}
            whose = {name: text for name, text in told.items() if text != ""}  # labels that a target lacks
            when = {self._rule.time: times[row].item()} if self._rule.time else {}
            return Example(*place(row), {**whose, **when, **more})

        return faults, self._told(faults, example, keys)

    def _told(
        self, faults: SeriesFaults, example: Callable[..., Example], keys: NDArray[np.signedinteger[Any]]
    ) -> list[tuple[Finding, NDArray[np.intp]]]:
        rule, rows, none = self._rule, len(keys), np.zeros(0, dtype=np.intp)
        whose = ", ".join(rule.key)
        column = rule.time or whose
        of_both = f"{whose} and {rule.time}" if rule.time else whose
        late = (
            f"the sample came more than {rule.late_steps * rule.step:g} after the one before it, and one is due every {rule.step:g}"
        )

        def finding(dimension: str, name: str, text: str, found: NDArray[np.intp], *, hard: bool = False) -> Finding:
            examples = tuple(example(int(row)) for row in found[: self._examples_count])
            whose = len(np.unique(keys[found]))
            return Finding(
                dimension, self._table, column, name, text, len(found), rows, series_count=whose, hard=hard, examples=examples
            )

        told = [
            (finding("uniqueness", "repeated", f"the row repeats {of_both} of another one", faults.repeated), faults.repeated),
            (finding("timeliness", "disordered", "the row is older than the one before it", faults.disordered), faults.disordered),
            (finding("timeliness", "late", late, faults.late), faults.late),
            (finding("timeliness", "future", "the time lies in the future", faults.future, hard=True), faults.future),
        ]
        if faults.missing_count:
            text = f"samples that are due every {rule.step:g} are not there, between the first and the last of their series"
            waits = zip(faults.late[: self._examples_count], faults.waited, strict=False)
            examples = tuple(example(int(row), missing_before=round(wait / rule.step) - 1) for row, wait in waits)
            missing = finding("completeness", "missing", text, faults.late)
            expected = rows - len(faults.repeated) + faults.missing_count
            told.append(
                (
                    replace(missing, rows_count=faults.missing_count, checked_count=expected, counted="samples", examples=examples),
                    none,
                )
            )
        if faults.silences:
            spans = ", ".join(f"{first:.0f} to {last:.0f}" for first, last in faults.silences[: self._examples_count])
            text = f"nobody has a sample from {spans}; what is missing there is counted above"
            silence = finding("completeness", "silence", text, none)
            told.append((replace(silence, rows_count=len(faults.silences), counted="spans", scored=False), none))
        return [(one, found) for one, found in told if one.rows_count]
