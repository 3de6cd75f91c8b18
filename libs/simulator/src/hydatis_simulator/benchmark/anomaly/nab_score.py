"""The score of NAB, standard profile: early detections are worth more, late ones less, false ones cost a little.

Lavin and Ahmad, ICMLA 2015, as in the published scorer:

    s(y)              = 2 / (1 + exp(5 y)) - 1, and -1 for y > 3
    in a window       y = -(right - i + 1) / width; a detection is worth s(y) / s(-1), the best in each window counts, once
    missed window     -1
    elsewhere         0.11 s(y), y = (i - right) / (width - 1) of the window before; -0.11 where there is none
    probation         detections in it do not count
    normalised        100 (raw - null) / (windows - null), null = -windows: 0 without any detection, 100 for the first row of each
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["FALSE_POSITIVE_WEIGHT", "normalised", "raw_score"]

#: Weight of a false positive in the standard profile.
FALSE_POSITIVE_WEIGHT = 0.11


def _sigmoid(y: float) -> float:
    return -1.0 if y > 3.0 else float(2.0 / (1.0 + np.exp(5.0 * y)) - 1.0)


def raw_score(detections: Sequence[int], windows: Sequence[tuple[int, int]], probation_rows: int) -> float:
    """Raw score of one series.

    Args:
        detections: rows at which it is said to be anomalous.
        windows: (first row, last row) of each anomaly window, in order, apart from each other.
        probation_rows: rows at the start that do not count.

    Returns:
        At most the number of windows; 0 without windows and detections.

    >>> raw_score([], [(10, 19)], 0)
    -1.0
    >>> raw_score([10], [(10, 19)], 0)
    1.0
    """
    best: dict[int, float] = {}
    false = 0.0
    for row in detections:
        if row < probation_rows:
            continue
        inside = next((place for place, (first, last) in enumerate(windows) if first <= row <= last), None)
        if inside is not None:
            first, last = windows[inside]
            worth = _sigmoid(-(last - row + 1) / (last - first + 1)) / _sigmoid(-1.0)
            best[inside] = max(best.get(inside, worth), worth)
            continue
        before = [(first, last) for first, last in windows if last < row]
        if before:
            first, last = before[-1]
            false += _sigmoid((row - last) / max(last - first, 1))
        else:
            false -= 1.0
    return sum(best.values()) - (len(windows) - len(best)) + FALSE_POSITIVE_WEIGHT * false


def normalised(raw_total: float, window_count: int) -> float:
    """Score of a corpus, from the sum of raw scores: 0 for saying nothing, 100 for perfect. NaN without windows.

    >>> normalised(-4.0, 4), normalised(4.0, 4)
    (0.0, 100.0)
    """
    return 100.0 * (raw_total + window_count) / (2.0 * window_count) if window_count else float("nan")
