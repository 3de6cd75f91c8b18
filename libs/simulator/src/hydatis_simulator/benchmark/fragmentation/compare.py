"""Paired comparison of two policies: the same seeds, so the same pods in the same order on the same nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import WrongShape
from hydatis_core.seeds import generator
from numpy.typing import NDArray

__all__ = ["Difference", "paired_difference"]

_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean over the seeds, and the 95 % interval of the bootstrap over pairs."""

    mean: float
    low: float
    high: float


def paired_difference(ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int = 0) -> Difference:
    """Ours less theirs, seed by seed.

    Args:
        ours, theirs: one value per seed, shape (seeds,), in the same order; pairs with NaN are left out.
        seed: of the resampling.

    Returns:
        NaN without a pair.

    Raises:
        WrongShape: they have not as many values.
    """
    if ours.shape != theirs.shape:
        raise WrongShape(f"{ours.shape} and {theirs.shape} values", field="ours, theirs", expected="one pair per seed")
    pairs = (ours - theirs)[~np.isnan(ours - theirs)]
    if not pairs.size:
        return Difference(float("nan"), float("nan"), float("nan"))
    draws = generator(seed, "paired difference").integers(pairs.size, size=(_RESAMPLES, pairs.size))
    low, high = np.percentile(pairs[draws].mean(axis=1), [2.5, 97.5])
    return Difference(float(pairs.mean()), float(low), float(high))
