"""CPU: what 98 % of the time of the last days was enough, and at least the mean of the busiest hour of the day.

More CPU than requested is not refused, only no longer promised: so a request need not cover every burst, but a pod that is busy
every night at three must be promised its night. Days count by age (half after three), eight are looked at. On the tuning machines
of Bitbrains (five-minute samples, each day sized from those before):

    method                                     asked, % of provisioned   time above, %   work above, %
    98 % of 8 days                             25.9                      1.02            1.64
    the same, newer days count more            26.2                      0.97            0.97
    and the busiest hour (this)                26.5                      0.92            0.94
    the request that a bound on a node's overload asks for: as many nodes as the first line, and single pods come off worse

Use that was throttled is known to be too little, not how much too little. It counts as above every level: where it takes more than
the 2 %, the request is not known (infinite) and nobody shrinks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_sizing.daily_use import DailyUse, level_ends

__all__ = ["CPU_MARGIN_RATIO", "CPU_PERCENT", "cpu_above_ratio", "cpu_needs"]

CPU_PERCENT, CPU_MARGIN_RATIO = 98.0, 0.15
_HALF_LIFE_DAYS = 3.0
_ROWS_AT_ONCE = 4096
#: Share of the time that a day unlike all that were seen spends above the request: counted on the tuning machines.
_ABOVE_ON_NEW_DAY = 0.04


def cpu_needs(book: DailyUse, percent: float = CPU_PERCENT) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each row needs before any margin.

    Args:
        book: of use.
        percent: of the time that it is enough, 0 < percent < 100.

    Returns:
        (shape (rows,), cores, never more than its greatest use; infinite where throttling hides it; NaN where nothing is known,
        shape (rows,): weight of the samples that it rests on, by age)
    """
    ends, weights, peaks = level_ends(), book.day_weights(_HALF_LIFE_DAYS), book.cpu_peak()
    needs, weight = np.full(book.rows_count, np.nan), np.zeros(book.rows_count)
    for rows in _pieces(book.rows_count):
        cumulative = np.cumsum(book.levels(rows, weights), axis=1)
        total = weight[rows] = cumulative[:, -1]
        # A hair less than the share, so that rounding does not ask for the level after.
        level = (cumulative < (total * (percent / 100 * (1 - 1e-12)))[:, None]).sum(axis=1)
        usual = np.where(np.isinf(ends[level]), np.inf, np.minimum(ends[level], peaks[rows]))
        needs[rows] = np.where(total > 0, np.fmax(usual, book.busiest_hours(rows)[0]), np.nan)
    return needs, weight


def cpu_above_ratio(book: DailyUse, requests: NDArray[np.float64], days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of time that use is to be expected above a request.

        (n x share of the time seen that was above + 0.04) / (n + 1)

    The coming day is like one of the n seen, or with chance 1 / (n + 1) like none of them. On the tuning machines 0.99 % were
    expected and 0.97 % came (counting alone would have said 0.62 %).

    Args:
        book: of use.
        requests: shape (rows,), cores; NaN: none.
        days: shape (rows,), n, > 0.

    Returns:
        shape (rows,), 0..1; NaN where there is no request or nothing is known.
    """
    ends, weights = level_ends(), book.day_weights(_HALF_LIFE_DAYS)
    starts = np.concatenate([[0.0], ends[:-1]])
    found = np.full(book.rows_count, np.nan)
    for rows in _pieces(book.rows_count):
        held = book.levels(rows, weights)
        total = held.sum(axis=1)
        # The level that holds the request counts by the share of it that lies above.
        share = np.clip((ends[:-1] - requests[rows][:, None]) / (ends[:-1] - starts[:-1]), 0.0, 1.0)
        above = (held[:, :-1] * share).sum(axis=1) + held[:, -1]
        seen = np.divide(above, total, out=np.full(len(total), np.nan), where=total > 0)
        n = np.minimum(days[rows], (weights > 0).sum())
        found[rows] = (n * seen + _ABOVE_ON_NEW_DAY) / (n + 1)
    return found


def _pieces(rows_count: int) -> list[slice]:
    return [slice(start, min(start + _ROWS_AT_ONCE, rows_count)) for start in range(0, rows_count, _ROWS_AT_ONCE)]
