"""A machine of a labelled set: metrics over time, and which rows somebody found anomalous."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["LabelledMachine", "Segment"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A labelled stretch of the test part."""

    first: int
    """First row."""
    end: int
    """Row after the last, > first."""
    metrics: tuple[int, ...] = ()
    """Places of the metrics that the labellers named; empty: they named none."""


@dataclass(frozen=True)
class LabelledMachine:
    """One machine.

    Raises:
        WrongShape: the parts do not have one column per metric, or labels do not fit.
        InvalidValue: a part has fewer than two rows, or the tick is not positive.
    """

    name: str
    metrics: tuple[str, ...]
    tick_seconds: float
    """Time between rows."""
    train: NDArray[np.float32]
    """shape (m, metrics), float32, the earlier part, without labels; NaN unknown."""
    test: NDArray[np.float32]
    """shape (n, metrics), float32, what follows it."""
    anomalous: NDArray[np.bool_]
    """shape (n,): the labels of the test part."""
    segments: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        for part, values in (("train", self.train), ("test", self.test)):
            if values.ndim != 2 or values.shape[1] != len(self.metrics):
                raise WrongShape(
                    f"{self.name}: {part} of shape {values.shape}", field=part, expected=f"(rows, {len(self.metrics)})"
                )
            if len(values) < 2:
                raise InvalidValue(f"{self.name}: {part} has {len(values)} rows", field=part, expected="2 rows or more")
        if self.anomalous.shape != (len(self.test),):
            raise WrongShape(f"{self.name}: labels of shape {self.anomalous.shape}", field="anomalous", expected="one per test row")
        if not self.tick_seconds > 0:
            raise InvalidValue(f"{self.name}: a tick of {self.tick_seconds!r} s", field="tick_seconds", expected="seconds > 0")

    @property
    def days(self) -> float:
        """Length of the test part."""
        return len(self.test) * self.tick_seconds / 86400.0
