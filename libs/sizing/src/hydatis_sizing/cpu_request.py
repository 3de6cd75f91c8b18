"""A CPU request such that the stock filter alone keeps nodes from overload.

kube-scheduler lets a pod on a node if requests sum to no more than allocatable. By the laws of use (``hydatis_features.use_law``)
the chance that a node of room R (allocatable x 0.90) is overloaded is at most exp(s (sum of loads - 1)), load = q e(s q) with
q = base / R. So with

    request = allocatable * load / (1 - ln(1 / chance) / s)

"requests fit" says "the bound is at most the chance", on every node of that size, whoever places and whether or not we are alive.
A small bursty pod among many is asked for little more than its mean, one that could fill a node for nearly its maximum: no
percentile of the pod alone can tell the two apart. On larger nodes the chance is lower than asked, on smaller ones higher: size
for the smallest node that pods may meet.
"""

from __future__ import annotations

import math

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_features.use_law import ROOM_RATIOS, SCALES, loads
from numpy.typing import NDArray

__all__ = ["CHANCE", "cpu_requests"]

#: Scale of the bound that is held: 10 looks at means, 40 at tails.
_SCALE = 1
#: Chance that a full node is above 0.90 of its CPU, of which real overload is a small part: the bound is one.
CHANCE = 0.01


def cpu_requests(
    effective: NDArray[np.float64], bases: NDArray[np.float64], allocatable_cores: float, chance: float = CHANCE
) -> NDArray[np.float64]:
    """Requests.

    Args:
        effective: shape (m, tail weights), the pods' laws of CPU, hedged; NaN: not known.
        bases: shape (m,), cores that the laws' shares are of, > 0.
        allocatable_cores: of the smallest node that they may meet, > 0.
        chance: bound on a node's overload, 1e-6 .. 1.

    Returns:
        shape (m,), cores, >= 0; NaN where the law is not known.

    Raises:
        InvalidValue: the chance is out of range.
    """
    if not 1e-6 <= chance <= 1.0:
        raise InvalidValue(f"chance is {chance!r}", field="chance", expected="1e-6 to 1")
    rooms = np.full((1, 1), allocatable_cores * ROOM_RATIOS[0])
    load = loads(effective[:, None, :], bases[:, None], rooms)[:, 0, _SCALE]
    return np.asarray(allocatable_cores * load / (1.0 - math.log(1.0 / chance) / SCALES[_SCALE]))
