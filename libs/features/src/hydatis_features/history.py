"""History: what was measured of nodes while no engine was there to take it.

A metric store remembers what a process that has just begun never saw. The last seventy minutes come sample by sample and the day
before them as means of five minutes, which is all that the windows keep of it either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_features.usage import METRICS, POD_METRICS, USAGE_LIMIT

__all__ = ["BIN_METRICS", "History"]

#: What is kept of a bin.
BIN_METRICS = POD_METRICS


@dataclass(frozen=True)
class History:
    """Samples of some nodes, and before them means.

    Raises:
        WrongShape: an array is not as said below.
        InvalidValue: times do not ascend, or a value cannot be a measurement.
    """

    node_names: tuple[str, ...]
    """Which nodes; those that an engine lacks are passed over, those it has beside them were not measured."""
    bin_ends_seconds: NDArray[np.float64]
    """shape (bins,): ends of the bins, ascending multiples of 300 s."""
    bin_usage: NDArray[np.float32]
    """shape (bins, nodes, 2), columns ``BIN_METRICS``: means over each bin; NaN: not measured."""
    sample_times_seconds: NDArray[np.float64]
    """shape (samples,): when each was taken, ascending, as the ticks would have taken them."""
    sample_usage: NDArray[np.float32]
    """shape (samples, nodes, 6), columns ``METRICS``; NaN: not measured."""

    def __post_init__(self) -> None:
        for times, usage, metrics, name in (
            (self.bin_ends_seconds, self.bin_usage, BIN_METRICS, "bin_usage"),
            (self.sample_times_seconds, self.sample_usage, METRICS, "sample_usage"),
        ):
            wanted = (len(times), len(self.node_names), len(metrics))
            if usage.shape != wanted:
                raise WrongShape(f"usage of shape {usage.shape}", field=name, expected=str(wanted))
            if not (np.diff(times) > 0).all():
                raise InvalidValue("times do not ascend", field=name, expected="each later than the one before")
            if ((usage < 0) | (usage > USAGE_LIMIT)).any():
                raise InvalidValue("a value is no measurement", field=name, expected="amounts >= 0, or NaN for not measured")

    def of_nodes(self, node_names: tuple[str, ...]) -> History:
        """The same with one column per node named, in that order; NaN for a node that it does not know."""
        if node_names == self.node_names:
            return self
        index = {name: row for row, name in enumerate(self.node_names)}
        rows = np.array([index.get(name, -1) for name in node_names], dtype=np.intp)

        def taken(usage: NDArray[np.float32]) -> NDArray[np.float32]:
            unknown = np.full((len(usage), 1, usage.shape[2]), np.nan, dtype=np.float32)
            return np.concatenate([usage, unknown], axis=1)[:, rows]

        return History(
            node_names, self.bin_ends_seconds, taken(self.bin_usage), self.sample_times_seconds, taken(self.sample_usage)
        )

    @property
    def since_known(self) -> History:
        """The same without what lies before anything was known of any node."""
        first_bin, first_sample = _first_known(self.bin_usage), _first_known(self.sample_usage)
        if first_bin < len(self.bin_usage):
            first_sample = 0
        return History(
            self.node_names,
            self.bin_ends_seconds[first_bin:],
            self.bin_usage[first_bin:],
            self.sample_times_seconds[first_sample:],
            self.sample_usage[first_sample:],
        )


def _first_known(usage: NDArray[np.float32]) -> int:
    """The first time at which anything is known; if nothing ever is, how many times there are."""
    known = np.flatnonzero(~np.isnan(usage).all(axis=(1, 2)))
    return int(known[0]) if known.size else len(usage)
