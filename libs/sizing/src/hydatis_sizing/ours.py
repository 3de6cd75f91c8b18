"""How HYDATIS sizes: CPU by what mostly suffices, memory by its maximum; the same code for advice and for the backtest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hydatis_sizing.cpu_request import CPU_MARGIN_RATIO, CPU_PERCENT, cpu_needs
from hydatis_sizing.daily_use import MEMORY_DAYS, DailyUse, DayOfUse
from hydatis_sizing.memory_request import LIMIT_MARGIN_RATIO, REQUEST_MARGIN_RATIO, memory_needs
from hydatis_sizing.past import Past
from hydatis_sizing.replicas import greatest_by_group, sufficient_by_group
from hydatis_sizing.sizes import Sizes
from hydatis_sizing.untouched import Rules

__all__ = ["CHOICES", "Needs", "RightSizing"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What groups of replicas need before any margin; arrays of shape (groups,)."""

    cpu_cores: NDArray[np.float64]
    """>= 0; infinite: throttling hides it; NaN: nothing is known."""
    cpu_peak_cores: NDArray[np.float64]
    memory_bytes: NDArray[np.float64]
    history_days: NDArray[np.float64]
    """Known time of a replica, summed up over days, >= 0."""
    row_weights: NDArray[np.float64]
    """shape (rows,): how much of CPU was seen of each replica, newer days counting more."""


@dataclass(frozen=True, slots=True)
class RightSizing:
    """Requests and limits of memory.

    Args:
        cpu_percent: of the time that CPU is enough, 0 < percent < 100.
        cpu_margin_ratio: on top, >= 0.
        request_margin_ratio: on the maximum of memory, >= 0.
        limit_margin_ratio: the same for the limit, >= the other.
        least_history_days: less than that is too little, >= 0.
    """

    cpu_percent: float = CPU_PERCENT
    cpu_margin_ratio: float = CPU_MARGIN_RATIO
    request_margin_ratio: float = REQUEST_MARGIN_RATIO
    limit_margin_ratio: float = LIMIT_MARGIN_RATIO
    least_history_days: float = Rules().least_history_days

    def needs(self, book: DailyUse, group_of: NDArray[np.intp], groups_count: int) -> Needs:
        """From the book.

        Args:
            book: of use.
            group_of: shape (rows,), the group whose replica each row is; -1: of none.
            groups_count: groups.
        """
        cpu, weight = cpu_needs(book, self.cpu_percent)
        memory = memory_needs(book.memory_peaks(), book.killed_at())
        return Needs(
            sufficient_by_group(cpu, weight, group_of, groups_count),
            greatest_by_group(book.cpu_peak(), group_of, groups_count),
            greatest_by_group(memory, group_of, groups_count),
            np.nan_to_num(greatest_by_group(book.known_ratio(), group_of, groups_count)).sum(axis=1),
            weight,
        )

    def sizes(self, needs: Needs) -> Sizes:
        """With margins; NaN where too little is known."""
        known = np.where(needs.history_days >= self.least_history_days, 1.0, np.nan)
        cpu = needs.cpu_cores * (1.0 + self.cpu_margin_ratio)
        memory = needs.memory_bytes * (1.0 + self.request_margin_ratio)
        return Sizes(known * np.stack([cpu, memory]), known * needs.memory_bytes * (1.0 + self.limit_margin_ratio))

    def size(self, past: Past) -> Sizes:
        """The same from samples, every pod for itself."""
        recent = past.newest(MEMORY_DAYS)
        pods, days, samples = recent.cpu_cores.shape
        book = DailyUse(pods, samples)
        for day in range(days):
            use = DayOfUse(recent.cpu_cores[:, day], recent.memory_bytes[:, day], killed_at_bytes=recent.killed_at_bytes[:, day])
            book.absorb(day, use)
        return self.sizes(self.needs(book, np.arange(pods), pods))


#: Choices between savings and harm, by the names that users know them by; what each costs on a trace: ``hydatis bench sizing``.
CHOICES: dict[str, RightSizing] = {
    "bold": RightSizing(95.0, request_margin_ratio=0.1, limit_margin_ratio=0.3),
    "usual": RightSizing(),
    "careful": RightSizing(99.0, request_margin_ratio=0.5, limit_margin_ratio=1.0),
}
