"""Makes 12 separately forecast numbers fit together.

Each target has trees of its own, so nothing but chance keeps a p95 above its p50, or the maximum over an hour above that over a
quarter of it. The true quantiles do keep that order, and a reader of the forecast may rely on it, so it is restored here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_forecasting.targets import TARGETS

__all__ = ["cohere"]

_MAX_TARGETS = tuple(position for position, target in enumerate(TARGETS) if target.kind == "max")


def cohere(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same forecasts in the order that quantiles of use must have. Changes ``values`` in place and returns it.

    Only ever raises a value: below 0 becomes 0; a p95 becomes at least its p50; a maximum at least the point of its horizon and the
    maximum of the horizon before it (for each quantile: a maximum over more time is nowhere lower). NaN rows stay NaN.

    Args:
        values: shape (n, 12), float32, columns of a resource in the order of ``targets.columns_of``.
    """
    np.maximum(values, 0.0, out=values)
    np.maximum(values[:, 1::2], values[:, 0::2], out=values[:, 1::2])
    before = None
    for position in _MAX_TARGETS:
        own = values[:, 2 * position : 2 * position + 2]
        np.maximum(own, values[:, 2 * position - 2 : 2 * position], out=own)
        if before is not None:
            np.maximum(own, before, out=own)
        before = own
    return values
