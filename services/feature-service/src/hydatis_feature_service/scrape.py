"""One scrape: what was measured of all nodes and of their pods, as of one tick.

A scrape is checked whole before any of it is kept: a half-taken tick would put a seam into every window that is computed over it for
a day. NaN says that something was not scraped; an infinite or negative amount says that the source is broken, and is refused.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, UnknownColumn, WrongShape
from hydatis_features.usage import METRICS, POD_METRICS
from numpy.typing import NDArray

__all__ = ["Scrape", "in_metric_order"]


@dataclass(frozen=True)
class Scrape:
    """Samples of one tick.

    Raises:
        InvalidValue: a time is none or after its tick, a usage is negative or infinite, or a pod has no uid.
        WrongShape: a matrix does not have one row per node, or per pod.
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
        if self.tick_time_seconds <= 0:
            raise InvalidValue(f"{self.tick_time_seconds} is not a tick", field="tick_time_seconds", expected="Unix seconds > 0")
        if not (math.isfinite(self.sample_time_seconds) and 0 <= self.sample_time_seconds <= self.tick_time_seconds):
            shown = f"{self.sample_time_seconds!r} is not a time up to the tick"
            raise InvalidValue(shown, field="sample_time_seconds", expected=f"0..{self.tick_time_seconds}")
        _check_shape(self.node_usage, (len(self.node_usage), len(METRICS)), "node_usage")
        _check_shape(self.pod_usage, (len(self.pod_uids), len(POD_METRICS)), "pod_usage")
        _check_amounts(self.node_usage, "node_usage")
        _check_amounts(self.pod_usage, "pod_usage")
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


def _check_shape(usage: NDArray[np.float32], shape: tuple[int, int], field: str) -> None:
    if usage.shape != shape or usage.dtype != np.float32:
        raise WrongShape(f"{usage.dtype} of shape {usage.shape}", field=field, expected=f"float32 of shape {shape}")


def _check_amounts(usage: NDArray[np.float32], field: str) -> None:
    wrong = np.isinf(usage) | (usage < 0)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        shown = f"row {row}, column {column} is {usage[row, column]}"
        raise InvalidValue(shown, field=field, expected="finite amounts >= 0, or NaN for not scraped")
