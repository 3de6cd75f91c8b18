"""One scrape: what was measured of all nodes and of their pods, as of one tick.

A source may know fewer metrics than the features want, and may list them in an order of its own: what it knows is brought into the
one order here, and what it does not know is NaN. Equal scrapes are known by their digest, so that a tick may be said twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, UnknownColumn, WrongShape
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
    node_names: tuple[str, ...] | None = None
    """Which node each row of ``node_usage`` is, without repeats; None: the cluster's, in its order. Nodes come and go while a
    live cluster is scraped: a row of a node that is gone is passed over, a node without a row was not scraped."""

    def __post_init__(self) -> None:
        if "" in self.pod_uids:
            raise InvalidValue("a pod has no uid", field="pod_uids", expected="uids")
        if len(set(self.pod_uids)) != len(self.pod_uids):
            raise Duplicate("a pod stands twice", field="pod_uids", expected="uids without repeats")
        if self.node_names is not None and len(set(self.node_names)) != len(self.node_names):
            raise Duplicate("a node stands twice", field="node_names", expected="names without repeats")

    def usage_of(self, node_names: Sequence[str]) -> NDArray[np.float32]:
        """``node_usage`` with one row per node named, in that order; NaN for a node that has none.

        Raises:
            WrongShape: there is not one row per name of this scrape.
        """
        if self.node_names is None or self.node_names == tuple(node_names):
            return self.node_usage
        if len(self.node_usage) != len(self.node_names):
            shown = f"{len(self.node_usage)} rows and {len(self.node_names)} names"
            raise WrongShape(shown, field="node_usage", expected="one row per name")
        row_of = {name: row for row, name in enumerate(self.node_names)}
        rows = np.fromiter((row_of.get(name, -1) for name in node_names), dtype=np.intp, count=len(node_names))
        padded = np.append(self.node_usage, np.full((1, len(METRICS)), np.nan, dtype=np.float32), axis=0)
        return padded[rows]

    @property
    def digest(self) -> str:
        """What is equal for equal samples: a repeated tick is known by it."""
        sha = hashlib.sha256(f"{self.tick_time_seconds} {self.sample_time_seconds!r}".encode())
        names = "\0".join(self.node_names or ()).encode()
        for data in (self.node_usage.tobytes(), "\0".join(self.pod_uids).encode(), self.pod_usage.tobytes(), names):
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
