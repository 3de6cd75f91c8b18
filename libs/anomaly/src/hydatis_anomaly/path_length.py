"""How long a path through a random search tree is expected to be: the yardstick that isolation is measured with.

A row is anomalous when random cuts single it out sooner than they single out a typical row; "typical" is this number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["expected_path_length"]


def expected_path_length(row_count: ArrayLike) -> NDArray[np.float64]:
    """c(n): mean depth at which a search fails in a binary search tree of n rows (Liu, Ting, Zhou 2008, equation 1).

    c(n) = 2 H(n - 1) - 2 (n - 1) / n for n > 2, with H(i) taken as ln(i) + 0.5772156649; c(2) = 1; c(n) = 0 for n <= 1.

    >>> float(expected_path_length(256).round(4))
    10.2448
    """
    n = np.asarray(row_count, dtype=np.float64)
    large = np.maximum(n, 3.0)
    grown = 2.0 * (np.log(large - 1.0) + np.euler_gamma) - 2.0 * (large - 1.0) / large
    return np.where(n > 2, grown, np.where(n == 2, 1.0, 0.0))
