"""How far two distributions over the same bins lie apart: effect sizes, which samples of any size share.

Bins come from ``column_sketch``. Small samples of the *same* distribution lie apart, too: ``index_without_drift`` says how far.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import WrongShape
from numpy.typing import NDArray

__all__ = ["index_without_drift", "jensen_shannon_divergence", "population_stability_index"]

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]
#: Added to every bin, so that an empty one says little instead of everything (Jeffreys' prior).
_PRIOR_COUNT = 0.5


def population_stability_index(reference: Counts, window: Counts) -> float:
    """PSI = sum (w - r) ln(w / r), with shares r, w of (count + 1/2).

    0: the same; credit scoring calls > 0.1 moved and > 0.25 shifted (Siddiqi, "Credit Risk Scorecards", 2006). It is Jeffreys'
    symmetrised Kullback-Leibler divergence, in nats.

    Args:
        reference: shape (bins,), counts.
        window: shape (bins,), counts in the same bins.

    Returns:
        The index, >= 0; NaN when one of them is empty.

    Raises:
        WrongShape: not the same bins.
    """
    _check(reference, window)
    if not reference.sum() or not window.sum():
        return float("nan")
    r, w = (_shares(counts + _PRIOR_COUNT) for counts in (reference, window))
    return float(((w - r) * np.log(w / r)).sum())


def index_without_drift(reference: Counts, window: Counts) -> float:
    """Mean index of two samples of one distribution, (k - 1) (1 / n + 1 / m) for k bins and samples of n and m.

    PSI (1/n + 1/m)^-1 is then about chi-squared with k - 1 degrees of freedom (Yurdakul, "Statistical properties of the population
    stability index", 2018). Rows of a time series are not independent, so the true mean is higher.

    Args:
        reference: shape (bins,), counts; bins that are empty in both do not count.
        window: shape (bins,), counts in the same bins.

    Returns:
        The mean index, >= 0; NaN when one of them is empty.

    Raises:
        WrongShape: not the same bins.
    """
    _check(reference, window)
    sizes = int(reference.sum()), int(window.sum())
    if not all(sizes):
        return float("nan")
    bins_count = int(((reference + window) > 0).sum())
    return (bins_count - 1) * (1 / sizes[0] + 1 / sizes[1])


def jensen_shannon_divergence(reference: Counts, window: Counts) -> float:
    """JS = (KL(r || m) + KL(w || m)) / 2 with m = (r + w) / 2, in bits: 0 the same, 1 nothing in common.

    Source: Lin, "Divergence measures based on the Shannon entropy", 1991.

    Args:
        reference: shape (bins,), counts.
        window: shape (bins,), counts in the same bins.

    Returns:
        The divergence, 0..1; NaN when one of them is empty.

    Raises:
        WrongShape: not the same bins.
    """
    _check(reference, window)
    if not reference.sum() or not window.sum():
        return float("nan")
    r, w = _shares(reference), _shares(window)
    middle = (r + w) / 2
    return float((_bits(r, middle) + _bits(w, middle)) / 2)


def _bits(shares: Shares, middle: Shares) -> float:
    """KL(shares || middle); an empty bin adds nothing."""
    there = shares > 0
    return float((shares[there] * np.log2(shares[there] / middle[there])).sum())


def _shares(counts: NDArray[np.generic]) -> Shares:
    values: Shares = counts.astype(np.float64)
    values /= values.sum()
    return values


def _check(reference: Counts, window: Counts) -> None:
    if reference.shape != window.shape or reference.ndim != 1:
        raise WrongShape(f"bins of shape {reference.shape} and {window.shape}", field="counts", expected="the same bins")
