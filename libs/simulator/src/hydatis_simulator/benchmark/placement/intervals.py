"""Paired bootstrap over seeds: two policies met the same fleets, so what is drawn is the seed, for both at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import WrongShape
from hydatis_core.seeds import generator

__all__ = ["Ratio", "paired_ratio"]

DRAWS_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio of two means and its 95 % interval."""

    value: float
    low: float
    high: float


def paired_ratio(above: Sequence[float], below: Sequence[float], *, seed: int = 1) -> Ratio:
    """Mean of the first over mean of the second, with the percentile interval of a bootstrap over pairs.

    Args:
        above, below: by seed of the fleet, in the same order, > 0 in the mean.
        seed: of the draws.

    Raises:
        WrongShape: they are empty or not of one length.
    """
    first, second = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    if first.shape != second.shape or not first.size:
        raise WrongShape(f"{first.size} and {second.size} values", field="above, below", expected="pairs, at least one")
    drawn = generator(seed, "placement/bootstrap").integers(0, first.size, (DRAWS_COUNT, first.size))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.divide(first.mean(), second.mean()))
        low, high = np.nanpercentile(first[drawn].mean(axis=1) / second[drawn].mean(axis=1), (2.5, 97.5))
    return Ratio(value, float(low), float(high))
