"""The newest samples of all nodes, in order of time and always contiguous.

A ring would split every window in two pieces; here a spare part at the end takes new samples, and when it is full the kept part
moves to the front. Time is the slow axis, so that every reduction over time runs over contiguous nodes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SlidingSamples"]


class SlidingSamples:
    """Up to ``keep_count`` newest samples, each a matrix of metrics x nodes.

    Args:
        metric_count: metrics of a sample.
        node_count: nodes of a sample.
        keep_count: how many newest samples are kept.
    """

    def __init__(self, metric_count: int, node_count: int, keep_count: int) -> None:
        self.keep_count = keep_count
        room = keep_count + max(keep_count // 4, 8)
        self._values = np.full((metric_count, room, node_count), np.nan, dtype=np.float32)
        self._times = np.zeros(room)
        self._start = self._stop = 0

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the kept samples, shape (k,), ascending. A view."""
        return self._times[self._start : self._stop]

    @property
    def values(self) -> NDArray[np.float32]:
        """The kept samples, shape (metrics, k, nodes). A view."""
        return self._values[:, self._start : self._stop]

    @property
    def nbytes(self) -> int:
        """Bytes it occupies."""
        return self._values.nbytes + self._times.nbytes

    def push(self, time_seconds: float, sample: NDArray[np.float32]) -> None:
        """Adds a sample, shape (metrics, nodes), later than all others."""
        if self._stop == len(self._times):
            keep = slice(self._stop - self.keep_count + 1, self._stop)
            count = self.keep_count - 1
            # Metric by metric, and forwards: the two parts may overlap and numpy then copies a whole metric first, not all of them.
            for metric in self._values:
                metric[:count] = metric[keep]
            self._times[:count] = self._times[keep]
            self._start, self._stop = 0, count
        self._values[:, self._stop] = sample
        self._times[self._stop] = time_seconds
        self._stop += 1
        self._start = max(self._start, self._stop - self.keep_count)

    def replace_newest(self, sample: NDArray[np.float32]) -> None:
        """Puts a sample, shape (metrics, nodes), in the place of the newest."""
        self._values[:, self._stop - 1] = sample

    def between(self, after: float, until: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Samples with after < time <= until: values (metrics, k, nodes) and times (k,). Views, not to be written to."""
        first, stop = np.searchsorted(self.times, [after, until], side="right")
        return self.values[:, first:stop], self.times[first:stop]

    def keep_nodes(self, old_rows: NDArray[np.intp]) -> None:
        """Sets the nodes anew: ``old_rows[new]`` is the row a node had, -1 for a new node, whose past is NaN."""
        values = np.full((*self._values.shape[:2], len(old_rows)), np.nan, dtype=np.float32)
        stays = old_rows >= 0
        for metric, old in zip(values, self._values, strict=True):
            metric[:, stays] = old[:, old_rows[stays]]
        self._values = values
