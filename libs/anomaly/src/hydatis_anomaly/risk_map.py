"""From raw score to risk: a scale on which a quarter step means ten times rarer.

Raw scores of an Isolation Forest crowd between 0.35 and 0.6 and mean something else in every forest. Risk is the same statement in
words one can reason with, "how rare was this in training", so that a threshold or a policy survives a retrained model.

Straight lines between knots; strictly rising, so no order is lost:

    raw score         0      training median   90 %    99 %   99.9 %   1
    risk              0            0.1         0.25    0.5     0.75    1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

__all__ = ["KNOT_QUANTILES", "KNOT_RISKS", "RiskMap"]

#: Quantiles of the training scores at the inner knots.
KNOT_QUANTILES = (0.5, 0.9, 0.99, 0.999)
#: Risk at the knots: score 0, the quantiles, score 1.
KNOT_RISKS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
#: Knots closer than this are pushed apart (few distinct training scores), so that the map still rises.
_LEAST_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class RiskMap:
    """The map of one forest.

    Raises:
        InvalidValue: not four rising scores within 0..1.
    """

    knot_scores: tuple[float, ...]
    """Raw scores at ``KNOT_QUANTILES``, strictly rising, 0 < score < 1."""

    def __post_init__(self) -> None:
        knots = np.array([0.0, *self.knot_scores, 1.0])
        if len(knots) != len(KNOT_RISKS) or not np.isfinite(knots).all() or (np.diff(knots) <= 0).any():
            raise InvalidValue(f"knots are {self.knot_scores}", field="knot_scores", expected="four rising scores in (0, 1)")

    @classmethod
    def of_training(cls, scores: NDArray[np.float64]) -> RiskMap:
        """The map whose knots are the quantiles of training scores, shape (m,), m >= 1."""
        if scores.size == 0:
            raise InvalidValue("there are no scores", field="scores", expected="one or more")
        knots = np.clip(np.quantile(scores, KNOT_QUANTILES), _LEAST_STEP, 1.0 - len(KNOT_QUANTILES) * _LEAST_STEP)
        steps = _LEAST_STEP * np.arange(len(knots))
        return cls(tuple(float(knot) for knot in np.maximum.accumulate(knots - steps) + steps))

    def risk(self, scores: NDArray[np.float64]) -> NDArray[np.float32]:
        """Risk of raw scores: the same shape, float32, 0..1, high = more anomalous. NaN stays NaN."""
        return np.interp(scores, [0.0, *self.knot_scores, 1.0], KNOT_RISKS).astype(np.float32)
