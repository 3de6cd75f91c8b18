"""Histograms that forget: quantiles of use over the recent past, for thousands of keys at once.

Old samples are not touched when time passes; new ones weigh more, doubling with each half-life, and all weights are scaled back
now and then. That is the method of the Kubernetes Vertical Pod Autoscaler (pkg/recommender/util/decaying_histogram.go) and of
Autopilot (Rzadca et al., EuroSys 2020), here with all keys in one array.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import DTypeLike, NDArray

from hydatis_features.use_law import effective_uses

__all__ = ["BUCKET_COUNT", "FIRST_BOUND", "GROWTH", "HistogramBank"]

#: Bucket 0 holds [0, FIRST_BOUND); bucket i holds [FIRST_BOUND * GROWTH**(i-1), FIRST_BOUND * GROWTH**i). What is above the last
#: bound (about 1,000 times the request) counts in the last bucket.
FIRST_BOUND = 0.005
GROWTH = 1.08
BUCKET_COUNT = 160
_BOUNDS = np.concatenate([[0.0], FIRST_BOUND * GROWTH ** np.arange(BUCKET_COUNT)])
_MIDPOINTS = (_BOUNDS[:-1] + _BOUNDS[1:]) / 2
_LOG_GROWTH = np.log(GROWTH)
#: Half-lives after which weights are scaled back, well inside float32's 2^127.
_REBASE_HALF_LIVES = 48
RESOURCE_COUNT = 2


class HistogramBank:
    """Decaying histograms of two resources (CPU, memory) for many keys.

    A key holds a row; rows of dropped keys are used again. Values are shares of the request, >= 0; a quantile is exact to the
    width of a bucket, 8 %.

    Args:
        half_life_seconds: age at which a sample weighs half, > 0.
        limit_count: how many keys it takes at most.
        dtype: float32 for many keys; float64 where one key takes so many samples that float32 would stop counting.
    """

    def __init__(self, half_life_seconds: float, limit_count: int, dtype: DTypeLike = np.float32) -> None:
        self.half_life_seconds = half_life_seconds
        self.limit_count = limit_count
        self.row_by_key: dict[str, int] = {}
        self.keys: list[str] = []
        self._free: list[int] = []
        self._reference_seconds = 0.0
        self._counts = np.zeros((0, RESOURCE_COUNT, BUCKET_COUNT), dtype=dtype)
        #: shape (rows, 2), float64: sum of the weights, and of those since the last ``mark_summarised``.
        self._weight = np.zeros((0, RESOURCE_COUNT))
        self._fresh = np.zeros((0, RESOURCE_COUNT))
        #: shape (rows,), float64: event time of the newest sample; -inf: none yet.
        self.last_seconds = np.full(0, -np.inf)

    @property
    def row_count(self) -> int:
        """Rows in use or free again."""
        return len(self.keys)

    def row_of(self, key: str) -> int:
        """Row of a key, given to it now if it has none; -1 when the bank is full or the key is empty."""
        if not key:
            return -1
        row = self.row_by_key.get(key)
        if row is None:
            if self._free:
                row = self._free.pop()
                self.keys[row] = key
            elif len(self.keys) < self.limit_count:
                row = len(self.keys)
                self.keys.append(key)
                self._grow(row + 1)
            else:
                return -1
            self.row_by_key[key] = row
        return row

    def add(self, rows: NDArray[np.intp], values: NDArray[np.float64], time_seconds: float) -> NDArray[np.intp]:
        """Adds one sample per entry.

        Args:
            rows: shape (m,), row of each sample; -1: of none, left out. Rows may repeat.
            values: shape (m, 2), shares of the request, >= 0; NaN: not measured, left out.
            time_seconds: event time of the samples.

        Returns:
            Rows that got a sample, without repeats, ascending.
        """
        unit = self._unit(time_seconds)
        touched = np.zeros(self.row_count, dtype=bool)
        flat = self._counts.reshape(-1)
        for resource in range(RESOURCE_COUNT):
            known = (rows >= 0) & ~np.isnan(values[:, resource])
            at = rows[known]
            index = (at * RESOURCE_COUNT + resource) * BUCKET_COUNT + bucket_of(values[known, resource])
            np.add.at(flat, index, flat.dtype.type(unit))
            sums = np.bincount(at, minlength=self.row_count) * unit
            self._weight[: self.row_count, resource] += sums
            self._fresh[: self.row_count, resource] += sums
            touched |= sums > 0
        changed = np.flatnonzero(touched)
        self.last_seconds[changed] = time_seconds
        return changed

    def weights(self, rows: NDArray[np.intp], time_seconds: float) -> NDArray[np.float64]:
        """Sum of weights, shape (m, 2), in samples of the given time."""
        return np.asarray(self._weight[rows] / self._unit(time_seconds))

    def fresh_share(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Share of the weight that came since ``mark_summarised``, shape (m,), 0..1; the larger of the two resources."""
        return np.asarray((self._fresh[rows] / np.maximum(self._weight[rows], np.finfo(float).tiny)).max(axis=1))

    def mark_summarised(self, rows: NDArray[np.intp]) -> None:
        """Says that summaries of these rows were taken now."""
        self._fresh[rows] = 0.0

    def quantiles(self, rows: NDArray[np.intp], shares: tuple[float, ...]) -> NDArray[np.float64]:
        """Weighted quantiles, linear within a bucket.

        Args:
            rows: shape (m,).
            shares: the quantiles wanted, 0 < share < 1.

        Returns:
            shape (m, 2, len(shares)); NaN where a row has no sample of that resource. Ascending with the share.
        """
        cumulative = np.cumsum(self._counts[rows], axis=2, dtype=np.float64)
        total = cumulative[:, :, -1:]
        found = np.full((len(rows), RESOURCE_COUNT, len(shares)), np.nan)
        for position, share in enumerate(shares):
            target = total * share
            bucket = np.minimum((cumulative < target).sum(axis=2, keepdims=True), BUCKET_COUNT - 1)
            upto = np.take_along_axis(cumulative, bucket, axis=2)
            before = np.where(bucket > 0, np.take_along_axis(cumulative, np.maximum(bucket - 1, 0), axis=2), 0.0)
            with np.errstate(invalid="ignore", divide="ignore"):
                within = np.clip((target - before) / (upto - before), 0.0, 1.0)
            low, high = _BOUNDS[bucket], _BOUNDS[bucket + 1]
            found[:, :, position] = np.where(total > 0, low + within * (high - low), np.nan)[:, :, 0]
        return found

    def effective_uses(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """The laws of use of rows, every sample taken for the midpoint of its bucket.

        Args:
            rows: shape (m,).

        Returns:
            shape (m, 2, tail weights), ``use_law.effective_uses``; NaN where a row has no sample of that resource.
        """
        return effective_uses(_MIDPOINTS, self._counts[rows])

    def drop(self, rows: NDArray[np.intp]) -> list[str]:
        """Forgets rows; returns their keys. The rows are given to new keys later."""
        dropped = []
        for row in rows.tolist():
            key = self.keys[row]
            if key:
                dropped.append(key)
                del self.row_by_key[key]
                self.keys[row] = ""
                self._free.append(row)
        self._counts[rows] = 0
        self._weight[rows] = 0
        self._fresh[rows] = 0
        self.last_seconds[rows] = -np.inf
        return dropped

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that it holds besides ``keys``, for a snapshot."""
        used = self.row_count
        return {
            "counts": self._counts[:used],
            "weight": self._weight[:used],
            "fresh": self._fresh[:used],
            "last_seconds": self.last_seconds[:used],
            "free": np.array(self._free, dtype=np.int64),
            "reference_seconds": np.array(self._reference_seconds),
        }

    def restore(self, keys: list[str], arrays: dict[str, NDArray[np.generic]]) -> None:
        """Takes over what ``arrays`` gave.

        Raises:
            InvalidValue: the arrays are not of that many keys, or of other buckets.
        """
        if arrays["counts"].shape != (len(keys), RESOURCE_COUNT, BUCKET_COUNT):
            raise InvalidValue(f"counts of shape {arrays['counts'].shape}", field="counts", expected=f"{len(keys)} keys")
        self.keys = list(keys)
        self.row_by_key = {key: row for row, key in enumerate(keys) if key}
        self._free = [int(row) for row in arrays["free"].tolist()]
        self._reference_seconds = float(arrays["reference_seconds"].item())
        self._counts = np.array(arrays["counts"], dtype=self._counts.dtype)
        self._weight = np.array(arrays["weight"], dtype=np.float64)
        self._fresh = np.array(arrays["fresh"], dtype=np.float64)
        self.last_seconds = np.array(arrays["last_seconds"], dtype=np.float64)

    def _unit(self, time_seconds: float) -> float:
        half_lives = (time_seconds - self._reference_seconds) / self.half_life_seconds
        if half_lives > _REBASE_HALF_LIVES:
            whole = int(half_lives)
            factor = 2.0**-whole if whole < 1000 else 0.0
            self._counts *= self._counts.dtype.type(factor)
            self._weight *= factor
            self._fresh *= factor
            self._reference_seconds += whole * self.half_life_seconds
            half_lives -= whole
        return float(2.0**half_lives)

    def _grow(self, needed: int) -> None:
        if needed <= len(self._weight):
            return
        extra = min(max(64, 2 * len(self._weight), needed), self.limit_count) - len(self._weight)
        self._counts = np.concatenate([self._counts, np.zeros((extra, *self._counts.shape[1:]), dtype=self._counts.dtype)])
        self._weight = np.concatenate([self._weight, np.zeros((extra, RESOURCE_COUNT))])
        self._fresh = np.concatenate([self._fresh, np.zeros((extra, RESOURCE_COUNT))])
        self.last_seconds = np.concatenate([self.last_seconds, np.full(extra, -np.inf)])


def bucket_of(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Bucket of each value >= 0, shape (m,), 0..BUCKET_COUNT-1."""
    with np.errstate(divide="ignore"):
        steps = np.floor(np.log(values / FIRST_BOUND) / _LOG_GROWTH) + 1
    return np.asarray(np.clip(steps, 0, BUCKET_COUNT - 1), dtype=np.intp)
