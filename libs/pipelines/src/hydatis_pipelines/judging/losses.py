"""Losses of a candidate and its rivals on the same rows: what a verdict is made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.event_time import HOUR_SECONDS
from numpy.typing import NDArray

__all__ = ["JudgedLosses", "hours_of"]


@dataclass(frozen=True)
class JudgedLosses:
    """Losses >= 0, lower = better, one per judged row; NaN: the row does not count."""

    loss: str
    """What is lost, in words."""
    baseline: str
    """What costs nothing and has to be beaten, in words."""
    hours: NDArray[np.int64]
    """shape (n,): the hour of each row; rows of one hour are judged together."""
    candidate: NDArray[np.float64]
    """shape (n,)."""
    by_baseline: NDArray[np.float64]
    """shape (n,)."""
    by_champion: NDArray[np.float64] | None
    """shape (n,); None: there is no champion, or it cannot read these rows."""


def hours_of(times_seconds: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.int64]:
    """The hour of each time, counted from 1970."""
    return np.asarray(times_seconds // HOUR_SECONDS, dtype=np.int64)
