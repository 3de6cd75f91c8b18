"""What is wrong with rows among their neighbours: repetitions, disorder, samples that are late, missing or from the future.

For these a table is seen whole, since a repetition may stand in another file; but of each row only whose it is and its time, twelve
bytes, are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hydatis_lifecycle.quality.rules import SeriesRule

__all__ = ["SeriesFaults", "series_faults"]

Rows = NDArray[np.intp]
#: Signed, and wide enough for their differences.
Times = NDArray[np.signedinteger[Any]] | NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class SeriesFaults:
    """Rows by what is wrong with them, counted over the whole table."""

    repeated: Rows
    """A row of the same series and time stands before it."""
    disordered: Rows
    """Older than the row before it, of the same series."""
    late: Rows
    """Came too long after the sample before it; longest wait first."""
    waited: NDArray[np.float64]
    """How long, in the unit of time; of ``late``."""
    future: Rows
    """Its time is after now."""
    missing_count: int
    """Samples that should have come between the first and the last of their series, and did not."""
    silences: tuple[tuple[float, float], ...]
    """From the last sample of anybody to the next one; longest first."""


def series_faults(rule: SeriesRule, keys: NDArray[np.signedinteger[Any]], times: Times, now_seconds: float | None) -> SeriesFaults:
    """Compares each row with those of its series.

    Args:
        rule: of the table.
        keys: shape (rows,): whose row it is; < 0: unknown, which is nobody's neighbour.
        times: shape (rows,); all 0 in tables without time.
        now_seconds: Unix time; None: the future is not looked for.
    """
    order: Rows = np.arange(len(keys), dtype=np.intp) if _is_sorted(keys, times) else np.lexsort((times, keys))
    in_order_keys, in_order_times = keys[order], times[order]
    same = (in_order_keys[1:] == in_order_keys[:-1]) & (in_order_keys[1:] >= 0)
    waits = np.diff(in_order_times)
    repeated = np.sort(order[1:][same & (waits == 0)])
    none = np.zeros(0, dtype=np.intp)
    if not rule.time:
        return SeriesFaults(repeated, none, none, np.zeros(0), none, 0, ())
    beside = (keys[1:] == keys[:-1]) & (keys[1:] >= 0)
    disordered = np.flatnonzero(beside & (np.diff(times) < 0)) + 1
    future = none
    if rule.unix and now_seconds is not None:
        future = np.flatnonzero(times > now_seconds)
    if not rule.step:
        return SeriesFaults(repeated, disordered, none, np.zeros(0), future, 0, ())
    is_late = same & (waits > rule.late_steps * rule.step)
    longest = np.argsort(-waits[is_late], kind="stable")
    late, waited = order[1:][is_late][longest], waits[is_late][longest].astype(np.float64)
    missing = np.maximum(np.rint(waited / rule.step) - 1, 0).sum()
    return SeriesFaults(
        repeated, disordered, late, waited, future, int(missing), _silences(rule, times) if rule.silent_steps else ()
    )


def _is_sorted(keys: NDArray[np.signedinteger[Any]], times: Times) -> bool:
    later = (keys[1:] > keys[:-1]) | ((keys[1:] == keys[:-1]) & (times[1:] >= times[:-1]))
    return bool(later.all())


def _silences(rule: SeriesRule, times: Times) -> tuple[tuple[float, float], ...]:
    moments = np.unique(times)
    waits = np.diff(moments)
    found = np.flatnonzero(waits > rule.silent_steps * rule.step)
    longest = found[np.argsort(-waits[found], kind="stable")]
    return tuple((float(moments[at]), float(moments[at + 1])) for at in longest)
