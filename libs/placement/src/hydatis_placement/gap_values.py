"""What a gap on a shared GPU is worth: the prices of the cutting-stock problem that pods asking for shares of devices pose.

Cutting devices into shares is cutting rolls into strips. The linear program of Gilmore and Gomory (Operations Research 9, 1961)
says how few devices the shares need when cut best, and its dual what each share costs in devices: two of 470 thousandths cost a
half each, one of 810 a whole one, and the 190 that it leaves nothing, where too few pods are that small.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

__all__ = ["LEVELS", "gap_values"]

Vector = NDArray[np.float64]

#: A device is cut in hundredths; shares are rounded up to them, gaps down.
LEVELS = 100
_TOLERANCE = 1e-9
_LARGEST_ROUNDS = 1000


def gap_values(sizes: NDArray[np.int64], counts: Vector) -> Vector:
    """Worth of every gap: the most that shares fitting into it cost together, in devices.

    minimise sum_q x_q over cutting patterns q with sum_q x_q a_qs = counts_s; its dual prices pi_s give
        V(g) = max { sum_s n_s pi_s : sum_s n_s size_s <= g }.

    V grows with the gap, V(g) + V(h) <= V(g + h), and V(100) = 1 where any share is asked for. So a share of size s put into a gap
    g wastes V(g) - V(s) - V(g - s) >= 0 of a device.

    Args:
        sizes: distinct shares asked for, shape (sizes,), hundredths of a device, 1..100.
        counts: how often each is asked for, shape (sizes,), > 0.

    Returns:
        shape (101,), by hundredths free; zeros but for a whole device without any share.

    Raises:
        InvalidValue: a size or a count is out of range.
    """
    if sizes.size and (sizes.min() < 1 or sizes.max() > LEVELS or not (counts > 0).all()):
        raise InvalidValue("a share is not 1 to 100 hundredths, or a count not positive", field="sizes, counts")
    prices: Vector = np.zeros(sizes.size)
    basis = np.diag(LEVELS // np.maximum(sizes, 1)).astype(np.float64)
    # Slightly uneven counts: no two patterns run out at once, so the simplex cannot turn in circles.
    wanted = counts / counts.sum() * (1.0 + 1e-7 * np.arange(1, sizes.size + 1)) if sizes.size else counts
    for _ in range(_LARGEST_ROUNDS if sizes.size else 0):
        prices = np.asarray(np.linalg.solve(basis.T, np.ones(sizes.size)), dtype=np.float64)
        values, chosen = _fill(sizes, prices)
        if values[LEVELS] <= 1.0 + _TOLERANCE:
            break
        entering = _pattern(sizes, chosen)
        direction = np.linalg.solve(basis, entering)
        amounts = np.linalg.solve(basis, wanted)
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(direction > _TOLERANCE, amounts / direction, np.inf)
        basis[:, int(steps.argmin())] = entering
    values, _ = _fill(sizes, prices)
    if sizes.size:
        values /= max(values[LEVELS], 1.0)
    values[LEVELS] = 1.0
    return values


def _fill(sizes: NDArray[np.int64], prices: Vector) -> tuple[Vector, NDArray[np.int64]]:
    """Worth of the best filling of each gap, and the share put in first (-1: leave a hundredth free)."""
    values, chosen = np.zeros(LEVELS + 1), np.full(LEVELS + 1, -1, dtype=np.int64)
    for gap in range(1, LEVELS + 1):
        values[gap] = values[gap - 1]
        worth = np.where(sizes <= gap, values[np.maximum(gap - sizes, 0)] + prices, -np.inf)
        if worth.size and worth.max() > values[gap] + _TOLERANCE:
            chosen[gap] = worth.argmax()
            values[gap] = worth.max()
    return values, chosen


def _pattern(sizes: NDArray[np.int64], chosen: NDArray[np.int64]) -> Vector:
    """How often each share is in the best filling of a whole device."""
    pattern, gap = np.zeros(sizes.size), LEVELS
    while gap > 0:
        if chosen[gap] < 0:
            gap -= 1
        else:
            pattern[chosen[gap]] += 1.0
            gap -= int(sizes[chosen[gap]])
    return pattern
