"""How much better one model is than another on the same rows, with an interval.

Two models judged on the same rows err on the same hard ones, so their difference is known far better than either error. Rows of
one hour resemble each other, though: drawing them one by one would promise an interval several times too narrow. So whole groups
(hours) are drawn, with both models' losses of them together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.seeds import generator
from numpy.typing import ArrayLike, NDArray

__all__ = ["Improvement", "improvement"]

#: Draws of groups.
DRAWS_COUNT = 1000
#: Share of the draws that the interval holds.
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Improvement:
    """How much of a rival's loss a candidate takes away: 1 - loss / rival's loss; 0.1: a tenth less, below 0: worse."""

    ratio: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    rows_count: int
    groups_count: int
    """What the interval rests on: hours, not rows."""


def improvement(candidate: ArrayLike, rival: ArrayLike, groups: ArrayLike, *, seed: int, draws: int = DRAWS_COUNT) -> Improvement:
    """1 - sum(candidate) / sum(rival), with the percentile interval of a bootstrap over groups (Efron 1979; Field and Welsh 2007).

    Args:
        candidate: shape (n,), losses >= 0, lower = better; NaN: this row does not count, for neither.
        rival: shape (n,), losses of the rival on the same rows.
        groups: shape (n,), which rows belong together.
        seed: of the draws.
        draws: how many.

    Returns:
        The improvement. Where neither loses anything it is 0 with an interval of 0; where only the candidate does, -inf.

    Raises:
        WrongShape: not one loss of each per row.
        InvalidValue: no row counts, or a loss is negative.

    >>> improvement([1.0, 1.0], [2.0, 2.0], [0, 1], seed=0).ratio
    0.5
    """
    own, other, group = (np.asarray(values) for values in (candidate, rival, groups))
    if own.ndim != 1 or not own.shape == other.shape == group.shape:
        shown = f"{own.shape} losses, {other.shape} of the rival, {group.shape} groups"
        raise WrongShape(shown, field="losses", expected="one of each per row")
    known = np.isfinite(own) & np.isfinite(other)
    if not known.any():
        raise InvalidValue("no row was judged", field="losses", expected="rows with both losses known")
    if min(own[known].min(), other[known].min()) < 0:
        raise InvalidValue("a loss is negative", field="losses", expected="losses >= 0")
    _, place = np.unique(group[known], return_inverse=True)
    count = int(place.max()) + 1
    sums = np.stack([np.bincount(place, weights=values[known], minlength=count) for values in (own, other)])
    drawn = generator(seed, "evaluation/paired-bootstrap").multinomial(count, np.full(count, 1 / count), size=draws)
    ratios = _ratios(drawn @ sums[0], drawn @ sums[1])
    edge = (1 - LEVEL) / 2
    # the nearest rank: an interpolation between -inf and a number would be NaN
    low, high = np.quantile(ratios, (edge, 1 - edge), method="nearest")
    ratio = _ratios(sums[0].sum(keepdims=True), sums[1].sum(keepdims=True))[0]
    return Improvement(float(ratio), float(low), float(high), int(known.sum()), count)


def _ratios(own: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(other > 0, 1 - own / other, np.where(own > 0, -math.inf, 0.0))
