"""The metrics that are measured of a node and of a pod: what enters the window transforms.

Every sample of a node is one float32 per metric, in the order of ``METRICS``; NaN means that it was not measured. CPU and memory
are amounts here (cores, bytes) and become shares of allocatable in the transforms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["METRICS", "POD_METRICS", "USAGE_LIMIT", "check_usage", "clean_usage"]

#: What one scrape measures of a node, in column order.
METRICS: tuple[str, ...] = (
    "cpu_used_cores",
    "memory_used_bytes",
    "network_receive_bytes_per_second",
    "network_transmit_bytes_per_second",
    "disk_read_bytes_per_second",
    "disk_write_bytes_per_second",
)

#: What one scrape measures of a pod, in column order.
POD_METRICS: tuple[str, ...] = ("cpu_used_cores", "memory_used_bytes")

#: Amounts above this (9e15) are no measurement of anything.
USAGE_LIMIT = float(2**53)


def check_usage(usage: NDArray[np.float32], names: Sequence[str], metrics: tuple[str, ...], *, field: str) -> None:
    """Refuses samples that cannot be measurements.

    Args:
        usage: shape (names, metrics), float32; NaN: not measured.
        names: what the rows are of, to blame in an error.
        metrics: what the columns are.
        field: name of the argument, to blame in an error.

    Raises:
        WrongShape: not names x metrics, or not float32.
        InvalidValue: a value is negative, infinite or above ``USAGE_LIMIT``.
    """
    if usage.shape != (len(names), len(metrics)) or usage.dtype != np.float32:
        shown = f"{usage.dtype} values of shape {usage.shape}"
        raise WrongShape(shown, field=field, expected=f"float32 of shape {(len(names), len(metrics))}")
    bad = _bad(usage)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        shown = f"{metrics[column]} of {names[row]} is {usage[row, column]}"
        raise InvalidValue(shown, field=field, expected="amounts >= 0, or NaN for not measured")


def clean_usage(usage: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Samples with what cannot be measurements made unknown, for sources that no caller can be blamed for.

    Returns:
        A copy with NaN for negative, infinite and absurd values, and how many there were.
    """
    bad = _bad(usage)
    return np.where(bad, np.float32(np.nan), usage), int(bad.sum())


def _bad(usage: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (usage < 0) | (usage > USAGE_LIMIT)
