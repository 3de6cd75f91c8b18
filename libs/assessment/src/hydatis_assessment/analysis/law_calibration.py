"""Whether the law that places pods holds here: loads by the law of each pod's history beside loads by the law of what came.

HYDATIS adds up effective loads (``hydatis_features.use_law``): scale 10 looks at means, 40 at tails. The promise over all pods is
kept where the sum foreseen is at least the sum that came.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hydatis_features.use_law import COLD_LAW, ROOM_RATIOS, SCALES, effective_uses, hedged, loads
from hydatis_simulator.arena.fleet import Fleet
from numpy.typing import NDArray

__all__ = ["law_calibration"]

_LEAST_SAMPLES_COUNT = 12
_NAMES = ("cpu", "memory")


def law_calibration(fleet: Fleet, node: NDArray[np.float64]) -> dict[str, Any]:
    """Foreseen over what came.

    Args:
        fleet: pods with a history and judged time.
        node: shape (2,), cores and bytes of a node.

    Returns:
        By resource and scale (text): ``foreseen_ratio``, the sum of loads by history over that by the judged time (above 1:
        careful, below: too little was foreseen), and ``above_ratio``, the share of pods that loaded a node by more than that.
    """
    history = fleet.usage[:, :, : fleet.history_steps]
    laws, counts = _laws(history, fleet.requests)
    foreseen = hedged(laws, counts)
    foreseen = np.where(np.isnan(foreseen), COLD_LAW, foreseen)
    came, _ = _laws(fleet.judged, fleet.requests)
    rooms = (node * ROOM_RATIOS)[None]
    said, was = (loads(law, fleet.requests.T, rooms) for law in (foreseen, came))
    return {
        name: {
            f"{scale:g}": {
                "foreseen_ratio": float(said[:, resource, at].sum() / max(was[:, resource, at].sum(), np.finfo(float).tiny)),
                "above_ratio": float((was[:, resource, at] > said[:, resource, at]).mean()),
            }
            for at, scale in enumerate(SCALES)
        }
        for resource, name in enumerate(_NAMES)
    }


def _laws(usage: NDArray[np.float32], requests: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Laws of all pods, shape (pods, 2, tail weights), NaN where too little is known, and samples behind them."""
    laws = np.full((requests.shape[1], *COLD_LAW.shape), np.nan)
    counts = np.zeros(laws.shape[:2])
    for pod in range(requests.shape[1]):
        for resource, shares in enumerate(usage[:, pod].astype(np.float64) / requests[:, pod, None]):
            known = shares[~np.isnan(shares)]
            if known.size >= _LEAST_SAMPLES_COUNT:
                laws[pod, resource], counts[pod, resource] = effective_uses(known, np.ones(known.size)), known.size
    return laws, counts
