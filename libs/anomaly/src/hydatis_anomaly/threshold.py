"""The threshold: the risk from which a node is flagged, set by how many false alarms one is willing to look at.

Labels are rare, but a tolerance for false alarms is not: on rows taken to be normal, at most a stated share may be flagged. That
share counts single ticks; confirmation over several ticks in a row lowers it further.
"""

from __future__ import annotations

import math

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

__all__ = ["DEFAULT_FALSE_ALARM_RATE", "calibrate_threshold"]

#: One row in a hundred.
DEFAULT_FALSE_ALARM_RATE = 0.01


def calibrate_threshold(risk: NDArray[np.float32], false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE) -> float:
    """The lowest threshold at which at most a share of rows is flagged (risk >= threshold).

    Just above the k-th smallest of n known risks, k = ceil(n (1 - rate)): no more than n - k rows lie above it.

    Args:
        risk: shape (n,), risks of rows taken to be normal, of training or (better) of a later slice of time. NaN does not count.
        false_alarm_rate: 0 < rate < 1.

    Returns:
        The threshold, 0..1. It is 1 at most, where even rows of risk 1 may be flagged beyond the rate.

    Raises:
        InvalidValue: the rate is out of range, or fewer than 1 / rate risks are known.

    >>> calibrate_threshold(np.linspace(0, 0.99, 100, dtype=np.float32), 0.05) > np.float32(0.94)
    True
    """
    if not 0.0 < false_alarm_rate < 1.0:
        raise InvalidValue(f"rate is {false_alarm_rate!r}", field="false_alarm_rate", expected="a share between 0 and 1")
    known = np.sort(risk[~np.isnan(risk)])
    if len(known) < 1.0 / false_alarm_rate:
        needed = math.ceil(1.0 / false_alarm_rate)
        raise InvalidValue(
            f"{len(known)} risks are too few for a rate of {false_alarm_rate}", field="risk", expected=f"{needed} or more"
        )
    rank = math.ceil(len(known) * (1.0 - false_alarm_rate) - 1e-9)
    return min(1.0, float(np.nextafter(known[rank - 1], np.float32(2.0))))
