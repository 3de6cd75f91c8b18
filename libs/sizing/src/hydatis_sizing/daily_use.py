"""Use of tens of thousands of containers, day by day, in little room: what a recommendation needs and no sample more.

Thirty days of 30,000 containers are half a billion samples. A request rests on few figures of them: how often CPU was at which
level on each of the last days, its mean by hour of the day, and each day's greatest use. Those add up, so days may come in pieces
and (within what is kept) in any order. Per container: 8 days of 256 counts, 8 days of 24 hours, 14 days of peaks, 5.4 KB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["CENSORED", "CPU_DAYS", "MEMORY_DAYS", "DailyUse", "DayOfUse", "level_ends"]

#: Days kept: what CPU did nine days ago says little that the last eight do not; memory is remembered for a fortnight.
CPU_DAYS, MEMORY_DAYS = 8, 14
#: Levels of CPU: below a milli-core, then each 5.5 % wide up to 800 cores. In the last one counts what was throttled: of such use
#: it is only known that more was wanted.
_FIRST_CORES, _GROWTH, LEVELS_COUNT = 0.001, 1.055, 256
CENSORED = LEVELS_COUNT - 1
_HOURS = 24
_ROWS_AT_ONCE = 2048


def level_ends() -> NDArray[np.float64]:
    """Upper end of each level, shape (256,), cores; infinite for what was throttled."""
    ends = _FIRST_CORES * _GROWTH ** np.arange(LEVELS_COUNT, dtype=np.float64)
    ends[CENSORED] = np.inf
    return ends


@dataclass(frozen=True)
class DayOfUse:
    """A day of some containers; hours that are not there yet are unknown. So is negative and infinite use.

    Raises:
        WrongShape: the arrays do not agree.
    """

    cpu_cores: NDArray[np.float32]
    """shape (rows, samples): the day's samples in order, equally far apart; NaN: not known."""
    memory_bytes: NDArray[np.float32]
    """The same of memory."""
    throttled: NDArray[np.bool_] | None = None
    """The same shape: whether CPU was throttled then; None: never."""
    killed_at_bytes: NDArray[np.float64] | None = None
    """shape (rows,): greatest memory limit at which it was killed that day; NaN: it was not; None: none was."""

    def __post_init__(self) -> None:
        shape = self.cpu_cores.shape
        if len(shape) != 2 or shape[1] < 1 or self.memory_bytes.shape != shape:
            raise WrongShape(f"CPU {shape}, memory {self.memory_bytes.shape}", field="day", expected="rows x samples, both alike")
        if self.throttled is not None and self.throttled.shape != shape:
            raise WrongShape(f"throttled {self.throttled.shape}", field="throttled", expected=f"{shape}")
        if self.killed_at_bytes is not None and self.killed_at_bytes.shape != shape[:1]:
            raise WrongShape(f"kills {self.killed_at_bytes.shape}", field="killed_at_bytes", expected=f"{shape[:1]}")


class DailyUse:
    """The book.

    Args:
        rows_count: containers, > 0; a row is one container of one pod.
        samples_a_day: of a whole day, 1 .. 8,000.

    Raises:
        InvalidValue: one of them is out of range.
    """

    def __init__(self, rows_count: int, samples_a_day: int) -> None:
        if rows_count < 1 or not 1 <= samples_a_day <= 8000:
            raise InvalidValue(
                f"{rows_count} rows, {samples_a_day} samples a day", field="book", expected="rows > 0, samples 1 to 8000"
            )
        self.rows_count, self.samples_a_day = rows_count, samples_a_day
        #: Day that each place of the rings holds; -1: none yet. The newest day seen.
        self._cpu_day, self._memory_day = np.full(CPU_DAYS, -1), np.full(MEMORY_DAYS, -1)
        self.newest_day = -1
        self._levels = np.zeros((rows_count, CPU_DAYS, LEVELS_COUNT), dtype=np.uint16)
        self._hour_sums = np.zeros((rows_count, CPU_DAYS, _HOURS), dtype=np.float32)
        self._hour_counts = np.zeros((rows_count, CPU_DAYS, _HOURS), dtype=np.uint16)
        self._cpu_peaks = np.full((rows_count, CPU_DAYS), np.nan, dtype=np.float32)
        self._known = np.zeros((rows_count, MEMORY_DAYS), dtype=np.uint16)
        self._memory_peaks = np.full((rows_count, MEMORY_DAYS), np.nan, dtype=np.float32)
        self._killed_at = np.full((rows_count, MEMORY_DAYS), np.nan, dtype=np.float32)

    def absorb(self, day: int, use: DayOfUse, first_row: int = 0) -> None:
        """Adds a day, or a piece of it; a piece that comes twice counts twice.

        Args:
            day: number of the day, >= 0; one that is older than what is kept is left out.
            use: of neighbouring rows.
            first_row: the first of them.

        Raises:
            InvalidValue: a negative day, or rows that the book does not have.
            WrongShape: not the book's samples a day.
        """
        rows_count, samples_count = use.cpu_cores.shape
        if first_row < 0 or first_row + rows_count > self.rows_count:
            shown = f"rows {first_row} to {first_row + rows_count}"
            raise InvalidValue(shown, field="first_row", expected=f"within the book's {self.rows_count}")
        if day < 0:
            raise InvalidValue(f"day {day}", field="day", expected=">= 0")
        if samples_count != self.samples_a_day:
            raise WrongShape(f"{samples_count} samples", field="day", expected=f"{self.samples_a_day}, as the book has it")
        self._turn_to(day)
        hour_of = np.arange(samples_count) * _HOURS // samples_count
        for start in range(0, rows_count, _ROWS_AT_ONCE):
            piece = slice(start, min(start + _ROWS_AT_ONCE, rows_count))
            rows = slice(first_row + piece.start, first_row + piece.stop)
            if day > self.newest_day - CPU_DAYS:
                throttled = None if use.throttled is None else use.throttled[piece]
                self._absorb_cpu(day % CPU_DAYS, rows, _known_or_nan(use.cpu_cores[piece]), throttled, hour_of)
            if day > self.newest_day - MEMORY_DAYS:
                at = day % MEMORY_DAYS
                memory = _known_or_nan(use.memory_bytes[piece])
                self._memory_peaks[rows, at] = np.fmax(self._memory_peaks[rows, at], np.fmax.reduce(memory, axis=1))
                seen = ~(np.isnan(memory) & np.isnan(_known_or_nan(use.cpu_cores[piece])))
                self._known[rows, at] += seen.sum(axis=1, dtype=np.uint16)
                if use.killed_at_bytes is not None:
                    self._killed_at[rows, at] = np.fmax(self._killed_at[rows, at], use.killed_at_bytes[piece])

    def _absorb_cpu(
        self,
        at: int,
        rows: slice,
        cpu: NDArray[np.float32],
        throttled: NDArray[np.bool_] | None,
        hour_of: NDArray[np.intp],
    ) -> None:
        known = ~np.isnan(cpu)
        level = np.clip(np.log(np.fmax(cpu, _FIRST_CORES / 2) / _FIRST_CORES) / np.log(_GROWTH) + 1.0, 0, CENSORED - 1)
        index = np.where(known, level, 0).astype(np.intp)
        if throttled is not None:
            index[throttled] = CENSORED
        index += np.arange(len(cpu))[:, None] * LEVELS_COUNT
        counts = np.bincount(index[known], minlength=len(cpu) * LEVELS_COUNT).reshape(len(cpu), LEVELS_COUNT)
        self._levels[rows, at] += counts.astype(np.uint16)
        starts = np.searchsorted(hour_of, np.unique(hour_of))
        hours = hour_of[starts]
        self._hour_sums[rows, at, hours] += np.add.reduceat(np.where(known, cpu, np.float32(0)), starts, axis=1)
        self._hour_counts[rows, at, hours] += np.add.reduceat(known, starts, axis=1, dtype=np.uint16)
        self._cpu_peaks[rows, at] = np.fmax(self._cpu_peaks[rows, at], np.fmax.reduce(cpu, axis=1))

    def _turn_to(self, day: int) -> None:
        """Makes room for a day by forgetting what stood in its place."""
        self.newest_day = max(self.newest_day, day)
        if day > self.newest_day - CPU_DAYS and self._cpu_day[day % CPU_DAYS] != day:
            at = day % CPU_DAYS
            self._cpu_day[at] = day
            self._levels[:, at] = 0
            self._hour_sums[:, at] = 0
            self._hour_counts[:, at] = 0
            self._cpu_peaks[:, at] = np.nan
        if day > self.newest_day - MEMORY_DAYS and self._memory_day[day % MEMORY_DAYS] != day:
            at = day % MEMORY_DAYS
            self._memory_day[at] = day
            self._known[:, at] = 0
            self._memory_peaks[:, at] = np.nan
            self._killed_at[:, at] = np.nan

    def day_weights(self, half_life_days: float) -> NDArray[np.float64]:
        """Weights of the places of CPU days by age, shape (8,): 1 for the newest day, 0 for what is not within the window."""
        age = self.newest_day - self._cpu_day
        kept = (self._cpu_day >= 0) & (age < CPU_DAYS)
        return np.where(kept, 0.5 ** (np.where(kept, age, 0) / half_life_days), 0.0)

    def levels(self, rows: slice, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted samples at each level of CPU, shape (rows, 256)."""
        return np.asarray(np.einsum("rdl,d->rl", self._levels[rows], weights))

    def busiest_hours(self, rows: slice) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Greatest mean use of CPU in an hour of the day over the kept days, and which.

        Returns:
            (shape (rows,), cores, NaN where nothing is known; shape (rows,), 0 .. 23 counted from the start of a day's samples)
        """
        kept = self.day_weights(1.0) > 0
        sums = self._hour_sums[rows][:, kept].sum(axis=1, dtype=np.float64)
        counts = self._hour_counts[rows][:, kept].sum(axis=1, dtype=np.float64)
        means = np.divide(sums, counts, out=np.full(sums.shape, -1.0), where=counts > 0)
        hours = means.argmax(axis=1)
        greatest = means.max(axis=1)
        return np.where(greatest < 0, np.nan, greatest), hours

    def cpu_peak(self) -> NDArray[np.float64]:
        """Greatest use of CPU over the kept days, shape (rows,), cores; NaN where nothing is known."""
        kept = self.day_weights(1.0) > 0
        return np.asarray(np.fmax.reduce(self._cpu_peaks[:, kept], axis=1, initial=np.nan), dtype=np.float64)

    def _memory_kept(self) -> NDArray[np.bool_]:
        return np.asarray((self._memory_day >= 0) & (self.newest_day - self._memory_day < MEMORY_DAYS))

    def memory_peaks(self) -> NDArray[np.float64]:
        """shape (rows, days kept), bytes: each day's greatest use; NaN where nothing is known of it. Days are in no order."""
        return self._memory_peaks[:, self._memory_kept()].astype(np.float64)

    def killed_at(self) -> NDArray[np.float64]:
        """The same: greatest limit at which it was killed that day; NaN: it was not."""
        return self._killed_at[:, self._memory_kept()].astype(np.float64)

    def known_ratio(self) -> NDArray[np.float64]:
        """The same: share of the day that something is known of, 0..1."""
        return np.minimum(self._known[:, self._memory_kept()] / self.samples_a_day, 1.0)


def _known_or_nan(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.where((values >= 0) & np.isfinite(values), values, np.nan), dtype=np.float32)
