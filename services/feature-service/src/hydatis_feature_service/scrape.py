"""One scrape: what was measured of all nodes and of their pods, as of one tick.

A source may know fewer metrics than the features want, and may list them in an order of its own: what it knows is brought into the
one order here, and what it does not know is NaN. Equal scrapes are known by their digest, so that a tick may be said twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, UnknownColumn
from hydatis_features.usage import METRICS
from numpy.typing import NDArray

__all__ = ["Scrape", "in_metric_order"]


@dataclass(frozen=True)
class Scrape:
    """Samples of one tick. Shapes, amounts and times are held against the cluster by the engine that takes them.

    Raises:
        InvalidValue: a pod has no uid.
        Duplicate: a pod stands twice.
    """

    tick_time_seconds: int
    """The tick, Unix seconds, > 0."""
    sample_time_seconds: float
    """When the samples were taken, <= tick."""
    node_usage: NDArray[np.float32]
    """shape (nodes, 6), columns of ``usage.METRICS``, >= 0. NaN: not scraped."""
    pod_uids: tuple[str, ...]
    """The pods that were scraped, without repeats. Pods that are not bound (any more) are passed over."""
    pod_usage: NDArray[np.float32]
    """shape (pods, 2), columns of ``usage.POD_METRICS``, >= 0. NaN: not scraped."""

    def __post_init__(self) -> None:
        if "" in self.pod_uids:
            raise InvalidValue("a pod has no uid", field="pod_uids", expected="uids")
        if len(set(self.pod_uids)) != len(self.pod_uids):
            raise Duplicate("a pod stands twice", field="pod_uids", expected="uids without repeats")

    @property
    def digest(self) -> str:
        """What is equal for equal samples: a repeated tick is known by it."""
        sha = hashlib.sha256(f"{self.tick_time_seconds} {self.sample_time_seconds!r}".encode())
        for data in (self.node_usage.tobytes(), "\0".join(self.pod_uids).encode(), self.pod_usage.tobytes()):
            sha.update(len(data).to_bytes(8, "big"))
            sha.update(data)
        return sha.hexdigest()


def in_metric_order(usage: NDArray[np.float32], metrics: Sequence[str]) -> NDArray[np.float32]:
    """Columns in the order of ``usage.METRICS``; a metric that was not sent is NaN.

    Args:
        usage: shape (nodes, metrics).
        metrics: which metric each column is.

    Raises:
        UnknownColumn: a name is not a metric.
        Duplicate: a metric stands twice.
    """
    unknown = next((name for name in metrics if name not in METRICS), None)
    if unknown is not None:
        raise UnknownColumn(f"{unknown[:60]!r} is not a metric", field="usage_metrics", expected=f"some of {', '.join(METRICS)}")
    if len(set(metrics)) != len(metrics):
        raise Duplicate("a metric stands twice", field="usage_metrics", expected="names without repeats")
    if tuple(metrics) == METRICS:
        return usage
    ordered = np.full((len(usage), len(METRICS)), np.nan, dtype=np.float32)
    ordered[:, [METRICS.index(name) for name in metrics]] = usage
    return ordered
