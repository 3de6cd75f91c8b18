"""Statistics over a window of samples, for all nodes at once and with gaps.

Every figure of a node depends on that node's known samples alone, never on how many gaps another node has; what needs more samples
than a node has is NaN. Sums run in order of time in float32 over shares, which are of the order of one.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Window"]

Row = NDArray[np.float32]


class Window:
    """Samples of one metric over a span of time.

    Args:
        values: shape (k, nodes), float32, in order of time; NaN: unknown. k may be 0. Not changed.
        times: shape (k,), float64, ascending, Unix seconds.
    """

    def __init__(self, values: NDArray[np.float32], times: NDArray[np.float64]) -> None:
        self.values = values
        self.times = times

    def after(self, time_seconds: float) -> Window:
        """The part later than a time."""
        first = int(np.searchsorted(self.times, time_seconds, side="right"))
        return Window(self.values[first:], self.times[first:])

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which samples are known, shape (k, nodes)."""
        return ~np.isnan(self.values)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Known samples of each node, shape (nodes,)."""
        return np.asarray(np.count_nonzero(self.known, axis=0))

    @cached_property
    def complete(self) -> bool:
        """Whether every sample of every node is known."""
        return bool((self.counts == len(self.times)).all())

    @cached_property
    def mean(self) -> Row:
        """Mean; NaN without a sample."""
        filled = self.values if self.complete else np.where(self.known, self.values, np.float32(0))
        return _over(filled.sum(axis=0), self.counts)

    @cached_property
    def maximum(self) -> Row:
        """Largest; NaN without a sample."""
        return np.asarray(np.fmax.reduce(self.values, axis=0, initial=np.float32(np.nan)))

    @cached_property
    def minimum(self) -> Row:
        """Smallest; NaN without a sample."""
        return np.asarray(np.fmin.reduce(self.values, axis=0, initial=np.float32(np.nan)))

    @cached_property
    def deviations(self) -> NDArray[np.float32]:
        """Sample less mean, shape (k, nodes); 0 where unknown."""
        return self._zero_unknown(self.values - self.mean)

    @cached_property
    def std(self) -> Row:
        """Standard deviation (population); NaN with fewer than two samples."""
        squares = np.square(self.deviations).sum(axis=0)
        return self._with_at_least(2, np.sqrt(_over(squares, self.counts)))

    def quantiles(self, shares: tuple[float, ...]) -> list[Row]:
        """Quantiles, linear between order statistics as ``numpy.quantile``'s default; NaN without a sample."""
        if not self.values.size:
            return [np.full(self.values.shape[1], np.nan, dtype=np.float32) for _ in shares]
        by_node = np.array(self.values.T, order="C")
        positions = [share * (self.counts - 1).clip(0) for share in shares]
        if self.complete:
            needed = {int(edge(position[0])) for position in positions for edge in (np.floor, np.ceil)}
            by_node.partition(sorted(needed), axis=1)
        else:
            by_node.sort(axis=1)  # NaN sorts last
        found = []
        for position in positions:
            low = np.floor(position).astype(np.intp)
            high = np.ceil(position).astype(np.intp)
            rows = np.arange(len(by_node))
            weight = (position - low).astype(np.float32)
            found.append(by_node[rows, low] + weight * (by_node[rows, high] - by_node[rows, low]))
        return found

    @cached_property
    def slope_per_second(self) -> Row:
        """Least-squares slope over time; NaN with fewer than two samples."""
        if not len(self.times):
            return np.full(self.values.shape[1], np.nan, dtype=np.float32)
        age = (self.times - self.times[-1]).astype(np.float32)[:, None]
        centre = _over((age * self.known).sum(axis=0), self.counts)
        offset = self._zero_unknown(age - centre)
        return self._with_at_least(2, _over((offset * self.deviations).sum(axis=0), np.square(offset).sum(axis=0)))

    def decayed_mean(self, now_seconds: float, half_life_seconds: float) -> Row:
        """Mean with weights 2^(-age / half-life); NaN without a sample."""
        weights = np.exp2(-(now_seconds - self.times) / half_life_seconds).astype(np.float32)[:, None]
        filled = self._zero_unknown(weights * self.values)
        return _over(filled.sum(axis=0), (weights * self.known).sum(axis=0))

    def mean_absolute_change(self, widest_gap_seconds: float) -> Row:
        """Mean absolute difference of neighbouring samples, both known and no wider apart than the gap; NaN without such a pair."""
        close = np.diff(self.times) <= widest_gap_seconds
        return Window(np.abs(np.diff(self.values, axis=0))[close], self.times[1:][close]).mean

    def share_above(self, threshold: float) -> Row:
        """Share of the known samples above a threshold, 0..1; NaN without a sample."""
        return _over(np.count_nonzero(self.values > np.float32(threshold), axis=0).astype(np.float32), self.counts)

    @cached_property
    def first(self) -> Row:
        """Oldest known sample; NaN without one."""
        return self._first_known(range(len(self.times)))

    @cached_property
    def last(self) -> Row:
        """Newest known sample; NaN without one."""
        return self._first_known(range(len(self.times) - 1, -1, -1))

    def closest(self, time_seconds: float, tolerance_seconds: float) -> Row:
        """The known sample closest to a time, the later one of two equally close; NaN when none is within the tolerance."""
        distance = np.abs(self.times - time_seconds)
        near = np.flatnonzero(distance <= tolerance_seconds)
        return self._first_known(near[np.lexsort((-near, distance[near]))].tolist())

    def _first_known(self, order: range | list[int]) -> Row:
        found = np.full(self.values.shape[1], np.nan, dtype=np.float32)
        for position in order:
            missing = np.isnan(found)
            if not missing.any():
                break
            found[missing] = self.values[position, missing]
        return found

    def _zero_unknown(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sets unknown samples of a matrix of our own to zero, in place."""
        if not self.complete:
            matrix[~self.known] = 0
        return matrix

    def _with_at_least(self, count: int, figures: Row) -> Row:
        return np.where(self.counts >= count, figures, np.float32(np.nan))


def _over(sums: NDArray[np.float32], counts: NDArray[np.int64] | NDArray[np.float32]) -> Row:
    """Quotient as float32, NaN where the divisor is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, sums / counts.astype(np.float32), np.float32(np.nan))
