"""Rows known by marks, so that rows that were added and rows that were changed are told apart.

A Parquet file that grew by a day and one in which a day was corrected differ in the same way as bytes. So rows are compared as
values: each gets a mark of 64 bits from its columns, in no order, and the marks of two versions are counted against each other.
Where the dataset has a key (columns that name a row), a second mark of the key alone says which row became which.

The marks are no proof against somebody who makes rows collide on purpose (digests of files are what content is known by). By chance
a collision hides a change among n rows with probability below n^2 / 2^65: 3e-6 at ten million rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowCounts", "RowMarks", "compare_rows", "joined", "mark_rows"]

Marks = NDArray[np.uint64]

_NO_VALUE = np.uint64(0x9E3779B97F4A7C15)
_NOT_A_NUMBER = np.uint64(0x7FF8000000000000)


@dataclass(frozen=True, slots=True)
class RowMarks:
    """Marks of rows; both arrays are [rows] uint64."""

    rows: Marks
    """Of all values of a row."""
    keys: Marks
    """Of the values of its key; all zero when the dataset has none."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows became what."""

    added: int
    removed: int
    changed: int
    """Rows of a key that was there and is there, with other values. Without a key: as many as vanished and were replaced."""


def mark_rows(columns: Mapping[str, tuple[NDArray[Any], NDArray[np.bool_]]], rows_count: int, key: Sequence[str]) -> RowMarks:
    """Marks of the rows of a table.

    Args:
        columns: values [rows] of a number or of uint64 marks (text and the like, marked by the reader), and where they are absent.
        rows_count: rows; the columns may be none.
        key: names of the columns that name a row; a table that lacks one of them has no key.
    """
    rows, keys = np.zeros(rows_count, np.uint64), np.zeros(rows_count, np.uint64)
    has_key = bool(key) and set(key) <= columns.keys()
    for name, (values, absent) in columns.items():
        marks = np.where(absent, _NO_VALUE, _bits(values))
        # Seeded by its name and added up: neither the order of columns nor that of rows makes a difference.
        marks = _mixed(marks + _seed(name))
        rows += marks
        if has_key and name in key:
            keys += marks
    return RowMarks(_mixed(rows), _mixed(keys) if has_key else keys)


def joined(parts: Sequence[RowMarks]) -> RowMarks:
    """The rows of several files as those of one."""
    none = np.empty(0, np.uint64)
    return RowMarks(np.concatenate([none, *(part.rows for part in parts)]), np.concatenate([none, *(part.keys for part in parts)]))


def compare_rows(before: RowMarks, after: RowMarks) -> RowCounts:
    """What became of rows, in any order; a row that stands twice counts twice.

    Rows whose marks are in both are the same. Of the others, those of a key k are as many as changed as there are on both sides::

        changed = sum over k of min(vanished_k, appeared_k);  removed = vanished - changed;  added = appeared - changed

    >>> one, two = np.array([1, 2], np.uint64), np.array([1, 3, 4], np.uint64)
    >>> compare_rows(RowMarks(one, one * 0), RowMarks(two, two * 0))
    RowCounts(added=1, removed=0, changed=1)
    """
    vanished, appeared = _less(before, after), _less(after, before)
    keys_before, counts_before = np.unique(vanished, return_counts=True)
    keys_after, counts_after = np.unique(appeared, return_counts=True)
    _, left, right = np.intersect1d(keys_before, keys_after, assume_unique=True, return_indices=True)
    changed = int(np.minimum(counts_before[left], counts_after[right]).sum())
    return RowCounts(added=len(appeared) - changed, removed=len(vanished) - changed, changed=changed)


def _less(these: RowMarks, those: RowMarks) -> Marks:
    """Keys of the rows that these have more often than those."""
    order = np.argsort(these.rows, kind="stable")
    marks, keys = these.rows[order], these.keys[order]
    if not len(marks):
        return keys
    # Position of each row among its equals: the first k of them, k as many as those have, are the same rows.
    first = np.r_[True, marks[1:] != marks[:-1]]
    starts = np.flatnonzero(first)
    position = np.arange(len(marks)) - np.repeat(starts, np.diff(np.r_[starts, len(marks)]))
    other = np.sort(those.rows)
    counts = np.searchsorted(other, marks, "right") - np.searchsorted(other, marks, "left")
    return keys[position >= counts]


def _bits(values: NDArray[Any]) -> Marks:
    """Values as 64 bits, equal for equal values of any width."""
    if values.dtype.kind == "f":
        wide = values.astype(np.float64) + 0.0  # -0.0 becomes 0.0
        return np.where(np.isnan(wide), _NOT_A_NUMBER, wide.view(np.uint64))
    if values.dtype.kind == "u":
        return values.astype(np.uint64)
    return values.astype(np.int64).view(np.uint64)


def _seed(name: str) -> np.uint64:
    return np.uint64(zlib.crc32(name.encode()) * int(_NO_VALUE) % 2**64)


def _mixed(marks: Marks) -> Marks:
    """Each bit spread over all: the last steps of SplitMix64 (Steele, Lea and Flood 2014)."""
    marks = (marks ^ (marks >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    marks = (marks ^ (marks >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return marks ^ (marks >> np.uint64(31))
