"""The simple detectors that a forest has to beat.

Many a learned detector loses to "how far is the oddest metric from its usual value", and every one has to beat a coin. Both say so
here in the same terms as the forest: one score per row, high = more anomalous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.seeds import generator
from numpy.typing import NDArray

__all__ = ["LargestDeviation", "random_scores"]


@dataclass(frozen=True)
class LargestDeviation:
    """Largest robust z-score over the inputs: max_j |x_j - median_j| / (1.4826 MAD_j).

    An input whose median absolute deviation is 0 is scaled by its standard deviation, and left out when that is 0 too.
    """

    medians: NDArray[np.float64]
    """shape (inputs,)."""
    scales: NDArray[np.float64]
    """shape (inputs,), > 0, or infinite for inputs that never vary."""

    @classmethod
    def of_training(cls, values: NDArray[np.float32]) -> LargestDeviation:
        """Fitted to rows of inputs, shape (m, inputs), finite, m >= 1.

        Raises:
            InvalidValue: no rows, or a value that is not finite.
        """
        if len(values) == 0 or not np.isfinite(values).all():
            raise InvalidValue("rows are missing or not finite", field="values", expected="one or more finite rows")
        medians = np.median(values, axis=0).astype(np.float64)
        spread = 1.4826 * np.median(np.abs(values - medians), axis=0)
        scales = np.where(spread > 0, spread, values.std(axis=0, dtype=np.float64))
        return cls(medians, np.where(scales > 0, scales, np.inf))

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of rows, shape (n, inputs): shape (n,), >= 0; NaN when all inputs are unknown.

        Raises:
            WrongShape: another number of inputs.
        """
        if values.ndim != 2 or values.shape[1] != len(self.medians):
            raise WrongShape(f"values of shape {values.shape}", field="values", expected=f"(n, {len(self.medians)})")
        deviations: NDArray[np.float64] = np.abs(values - self.medians) / self.scales
        return np.asarray(np.fmax.reduce(deviations, axis=1), dtype=np.float64)


def random_scores(row_count: int, seed: int) -> NDArray[np.float64]:
    """Scores that know nothing: shape (row_count,), 0..1."""
    return generator(seed, "anomaly-random").random(row_count)
