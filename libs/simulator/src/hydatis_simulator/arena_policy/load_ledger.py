"""What a placement by laws of use knows in the arena: each pod's own past as a law, and the loads of the pods bound so far.

The law is that of the running stack (``hydatis_features.use_law``), taken from the samples themselves where the stack takes it from
histograms. A pod's past is looked at as of its arrival; nothing of the cluster's future, nor of the pasts of other copies.
"""

from __future__ import annotations

import numpy as np
from hydatis_features.use_law import COLD_LAW, ROOM_RATIOS, SCALES, effective_uses, hedged, loads
from hydatis_placement.node_loads import NodeLoads
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.seen import Seen

__all__ = ["WEEK_SECONDS", "LoadLedger", "laws_until"]

WEEK_SECONDS = 7 * 86400.0
#: Fewer known samples than this, an hour of five minutes, are no past: as in ``hydatis_features.profiles``.
_LEAST_SAMPLES_COUNT = 12


class LoadLedger:
    """Loads of nodes.

    Args:
        seen: the cluster; shapes of its nodes are grouped, since loads depend on the room of a node alone.
        jumps: hedge each law against a short past and jumps; False: the ablation without a hedge.
        history_seconds: how much of a pod's past is looked at.
    """

    def __init__(self, seen: Seen, *, jumps: bool = True, history_seconds: float = WEEK_SECONDS) -> None:
        self._rooms, self._shape_of = np.unique((seen.allocatable * ROOM_RATIOS[:, None]).T, axis=0, return_inverse=True)
        self._laws = seen.fleet.remembered(
            ("use laws", jumps, history_seconds, seen.scrape_delay_seconds), lambda: _laws(seen, jumps, history_seconds)
        )
        self.nodes = NodeLoads(seen.nodes_count)
        self._pod = -1
        self._by_shape = np.zeros((2, SCALES.size, len(self._rooms)))

    def of_pod(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """Loads by a pod of every node, shape (2, scales) when all nodes are alike, else (2, scales, nodes)."""
        if pod != self._pod:
            self._by_shape = np.moveaxis(loads(self._laws[pod][None], seen.fleet.requests[None, :, pod], self._rooms), 0, -1)
            self._pod = pod
        return self._by_shape[:, :, 0] if len(self._rooms) == 1 else self._by_shape[:, :, self._shape_of]

    def place(self, seen: Seen, pod: int, node: int) -> None:
        """Counts a pod on its node."""
        self.of_pod(seen, pod)
        self.nodes.add(node, self._by_shape[:, :, self._shape_of[node]])


def _laws(seen: Seen, jumps: bool, history_seconds: float) -> NDArray[np.float64]:
    """Laws of all pods by what is measured when each arrives, shape (pods, 2, tail weights)."""
    fleet = seen.fleet
    measured = ((fleet.arrival_seconds - seen.scrape_delay_seconds) // fleet.step_seconds).astype(np.intp)
    return laws_until(fleet, np.maximum(measured, fleet.history_steps), jumps=jumps, history_seconds=history_seconds)


def laws_until(fleet: Fleet, until: NDArray[np.intp], *, jumps: bool, history_seconds: float) -> NDArray[np.float64]:
    """Laws of all pods, each by its own past.

    Args:
        fleet: the pods.
        until: shape (pods,), the first step of each that is not looked at.
        jumps: hedge against a short past and jumps.
        history_seconds: how much of the past is.

    Returns:
        shape (pods, 2, tail weights), of use over requests.
    """
    steps = max(round(history_seconds / fleet.step_seconds), 1)
    laws = np.full((fleet.pods_count, *COLD_LAW.shape), np.nan)
    counts = np.zeros((fleet.pods_count, len(COLD_LAW)))
    for pod in range(fleet.pods_count):
        past = fleet.usage[:, pod, max(until[pod] - steps, 0) : until[pod]].astype(np.float64) / fleet.requests[:, pod, None]
        for resource, shares in enumerate(past):
            known = shares[~np.isnan(shares)]
            if known.size >= _LEAST_SAMPLES_COUNT:
                laws[pod, resource], counts[pod, resource] = effective_uses(known, np.ones(known.size)), known.size
    laws = hedged(laws, counts) if jumps else laws
    return np.where(np.isnan(laws), COLD_LAW, laws)
