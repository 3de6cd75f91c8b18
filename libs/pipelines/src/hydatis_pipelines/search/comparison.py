"""How much better parameters are than the defaults, over windows that both placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import WrongShape
from hydatis_core.seeds import generator

__all__ = ["Gain", "gain"]

_DRAWS_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Gain:
    """Mean difference of scores, high = better than the defaults, with its 95 % interval."""

    value: float
    low: float
    high: float
    windows_count: int
    """What the interval rests on."""

    @property
    def clear(self) -> bool:
        """Whether the interval lies above 0."""
        return self.low > 0


def gain(tuned: Sequence[Sequence[float]], default: Sequence[Sequence[float]], *, seed: int = 1) -> Gain:
    """Mean of tuned less default, with the percentile interval of a paired bootstrap over windows (Efron 1979).

    A window under several seeds is one window: its seeds are averaged before anything is drawn.

    Args:
        tuned, default: shape (seeds, windows): scores in the same windows, in the same order.
        seed: of the draws.

    Raises:
        WrongShape: they are empty or not of one shape.
    """
    first, second = np.asarray(tuned, dtype=np.float64), np.asarray(default, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise WrongShape(f"scores of shape {first.shape} and {second.shape}", field="scores", expected="(seeds, windows), both")
    differences = (first - second).mean(axis=0)
    drawn = generator(seed, "search/gain").integers(0, differences.size, (_DRAWS_COUNT, differences.size))
    low, high = np.percentile(differences[drawn].mean(axis=1), (2.5, 97.5))
    return Gain(float(differences.mean()), float(low), float(high), differences.size)
