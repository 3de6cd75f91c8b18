"""Windows of node samples: the last 70 minutes sample by sample, and 25 hours as 5-minute means.

An hour needs every sample (peaks, volatility); a day does not, and 24 h of samples at 15 s would be 1.4 GB for 5,000 nodes. The ten
minutes and the hour on top are for the lags, which look a little further back than their window.

What happens to odd samples: a scrape at the time of the newest one, or before it, is left out whole (it says nothing new, and what
was computed of the past must not change); a scrape that never came leaves a gap, which no statistic bridges; NaN is not measured.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_features.sliding_samples import SlidingSamples
from hydatis_features.usage import METRICS

__all__ = ["BIN_COUNT", "BIN_SECONDS", "FINE_SECONDS", "NodeWindows"]

BIN_SECONDS = 300.0
#: How far back samples are kept one by one.
FINE_SECONDS = 4200.0
#: How many bins are kept.
BIN_COUNT = 302
T = TypeVar("T", bound=np.generic)
_CPU, _MEMORY = METRICS.index("cpu_used_cores"), METRICS.index("memory_used_bytes")


class NodeWindows:
    """Windows of all nodes.

    A bin holds the samples with start < time <= end, on multiples of 300 s; it is closed, and seen, from the sample on that is the
    last one expected in it.

    Args:
        node_count: how many nodes.
        tick_seconds: time between samples, 1 to 300.

    Raises:
        InvalidValue: the tick is longer than a bin, or no tick at all.
    """

    def __init__(self, node_count: int, tick_seconds: float) -> None:
        if not 1 <= tick_seconds <= BIN_SECONDS:
            raise InvalidValue(f"{tick_seconds!r} is not a tick", field="tick_seconds", expected="1 to 300 seconds")
        self.tick_seconds = tick_seconds
        self.fine = SlidingSamples(len(METRICS), node_count, math.ceil(FINE_SECONDS / tick_seconds) + 1)
        #: CPU and memory only. Time of a bin: its end.
        self.bins = SlidingSamples(2, node_count, BIN_COUNT)
        #: Rises whenever the closed bins change: a key for what is computed of them.
        self.bins_version = 0
        #: shape (nodes,), float64: time of the newest sample with CPU or memory known; NaN: none ever came.
        self.newest_seconds = np.full(node_count, np.nan)
        #: shape (nodes,), float32: 1: the newest scrape read CPU and memory as exactly zero though pods were bound; 0: it did not;
        #: NaN: it knew neither.
        self.zero_suspect = np.full(node_count, np.nan, dtype=np.float32)
        self._bin_end = -math.inf
        self._bin_sum = np.zeros((2, node_count))
        self._bin_known = np.zeros((2, node_count), dtype=np.int64)

    @property
    def node_count(self) -> int:
        """How many nodes."""
        return len(self.newest_seconds)

    @property
    def last_sample_seconds(self) -> float:
        """Time of the newest scrape taken, known or not; -inf: none."""
        return float(self.fine.times[-1]) if len(self.fine.times) else -math.inf

    @property
    def nbytes(self) -> int:
        """Bytes the windows occupy."""
        return self.fine.nbytes + self.bins.nbytes + self._bin_sum.nbytes + self._bin_known.nbytes

    def push(self, sample_time_seconds: float, usage: NDArray[np.float32], pods_bound: NDArray[np.bool_] | None = None) -> bool:
        """Takes one scrape.

        Args:
            sample_time_seconds: when it was taken, event time.
            usage: shape (nodes, 6), columns ``usage.METRICS``; NaN: not measured. Not changed.
            pods_bound: shape (nodes,), nodes that cannot read zero, because pods have run there for a while. Where CPU and memory
                are both exactly zero all the same, they are taken for not measured and the node is marked ``zero_suspect``.

        Returns:
            False: not later than the newest scrape, left out.

        Raises:
            WrongShape: usage is not nodes x 6.
        """
        if usage.shape != (self.node_count, len(METRICS)):
            raise WrongShape(f"usage of shape {usage.shape}", field="usage", expected=f"({self.node_count}, {len(METRICS)})")
        if sample_time_seconds <= self.last_sample_seconds:
            return False
        sample = np.array(usage.T, dtype=np.float32, order="C")
        self._mark_zero_suspect(sample, pods_bound)
        known = ~np.isnan(sample[[_CPU, _MEMORY]])
        self.newest_seconds[known.any(axis=0)] = sample_time_seconds
        self.fine.push(sample_time_seconds, sample)
        self._add_to_bin(sample_time_seconds, sample[[_CPU, _MEMORY]], known)
        return True

    def push_bin(self, end_seconds: float, usage: NDArray[np.float32]) -> bool:
        """Takes the mean of a whole bin, for one whose samples nobody took here.

        Args:
            end_seconds: when the bin ends, a multiple of 300 s.
            usage: shape (nodes, 2), CPU and memory; NaN: not measured. Not changed.

        Returns:
            False: the bin is closed already, or samples after it are here; left out.
        """
        newest_end = float(self.bins.times[-1]) if len(self.bins.times) else -math.inf
        if end_seconds <= newest_end or end_seconds < self.last_sample_seconds:
            return False
        if newest_end < self._bin_end < end_seconds:
            self._close_bin()
        self._bin_end = -math.inf  # what had come in of this bin is in its mean
        self.bins.push(end_seconds, np.array(usage.T, dtype=np.float32, order="C"))
        self.bins_version += 1
        self.newest_seconds[~np.isnan(usage).all(axis=1)] = end_seconds
        return True

    def keep_nodes(self, old_rows: NDArray[np.intp]) -> None:
        """Sets the nodes anew: ``old_rows[new]`` is the row a node had, -1 for a new node, of which nothing is known."""
        self.fine.keep_nodes(old_rows)
        self.bins.keep_nodes(old_rows)
        is_new = old_rows < 0
        self.newest_seconds = np.where(is_new, np.nan, _at(self.newest_seconds, old_rows))
        self.zero_suspect = np.where(is_new, np.float32(np.nan), _at(self.zero_suspect, old_rows))
        self._bin_sum = np.where(is_new, 0.0, _at(self._bin_sum, old_rows))
        self._bin_known = np.where(is_new, 0, _at(self._bin_known, old_rows))
        self.bins_version += 1

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Copies of all that it holds, for the warm blob."""
        held = {
            "fine_values": self.fine.values,
            "fine_times": self.fine.times,
            "bin_values": self.bins.values,
            "bin_times": self.bins.times,
            "newest_seconds": self.newest_seconds,
            "zero_suspect": self.zero_suspect,
            "open_bin_end": np.array(self._bin_end),
            "open_bin_sum": self._bin_sum,
            "open_bin_known": self._bin_known,
        }
        return {name: np.array(array) for name, array in held.items()}

    @classmethod
    def from_arrays(cls, tick_seconds: float, arrays: dict[str, NDArray[np.generic]]) -> NodeWindows:
        """Windows that go on where ``arrays`` was taken.

        Raises:
            WrongShape: the arrays do not belong together.
            KeyError: one is missing.
        """
        node_count = len(arrays["newest_seconds"])
        windows = cls(node_count, tick_seconds)
        for samples, kind, metric_count in ((windows.fine, "fine", len(METRICS)), (windows.bins, "bin", 2)):
            values, times = arrays[f"{kind}_values"], arrays[f"{kind}_times"].astype(np.float64)
            if values.shape != (metric_count, len(times), node_count):
                raise WrongShape(f"values of shape {values.shape}", field=f"{kind}_values", expected="metrics x samples x nodes")
            for position, time in enumerate(times.tolist()):
                samples.push(time, values[:, position].astype(np.float32))
        windows.newest_seconds = arrays["newest_seconds"].astype(np.float64)
        windows.zero_suspect = arrays["zero_suspect"].astype(np.float32)
        windows._bin_end = float(arrays["open_bin_end"].item())
        windows._bin_sum = arrays["open_bin_sum"].astype(np.float64).reshape(2, node_count)
        windows._bin_known = arrays["open_bin_known"].astype(np.int64).reshape(2, node_count)
        return windows

    def _mark_zero_suspect(self, sample: NDArray[np.float32], pods_bound: NDArray[np.bool_] | None) -> None:
        cpu, memory = sample[_CPU], sample[_MEMORY]
        unknown = np.isnan(cpu) & np.isnan(memory)
        suspect = np.zeros(self.node_count, dtype=bool) if pods_bound is None else pods_bound & (cpu == 0) & (memory == 0)
        self.zero_suspect = np.where(unknown, np.float32(np.nan), suspect.astype(np.float32))
        cpu[suspect] = memory[suspect] = np.nan

    def _add_to_bin(self, time: float, sample: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
        end = math.ceil(time / BIN_SECONDS) * BIN_SECONDS
        if end != self._bin_end:
            self._close_bin()
            self._bin_end = end
            self._bin_sum[:] = 0
            self._bin_known[:] = 0
        self._bin_sum += np.where(known, sample, 0.0)
        self._bin_known += known
        if time + self.tick_seconds > end:
            self._close_bin()

    def _close_bin(self) -> None:
        """Shows the mean of the open bin. A bin may be closed twice, when a sample came before its time: the last mean holds."""
        if self._bin_end == -math.inf:
            return
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(self._bin_known > 0, self._bin_sum / self._bin_known, np.nan).astype(np.float32)
        if len(self.bins.times) and self.bins.times[-1] == self._bin_end:
            self.bins.replace_newest(mean)
        else:
            self.bins.push(self._bin_end, mean)
        self.bins_version += 1


def _at(array: NDArray[T], rows: NDArray[np.intp]) -> NDArray[T]:
    """Columns of an array by row number; what stands for -1 does not matter. An empty array gives zeros."""
    if array.shape[-1] == 0:
        return np.zeros((*array.shape[:-1], len(rows)), dtype=array.dtype)
    return array[..., rows]
