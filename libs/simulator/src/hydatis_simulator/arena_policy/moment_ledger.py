"""What a placement by log moments knows in the arena: each pod's own past, and the sums of the pods bound so far.

A pod's past is looked at when it is placed and not again; nothing of the cluster's future, nor of the pasts of other copies.
"""

from __future__ import annotations

import numpy as np
from hydatis_placement.demand_law import SCALES, JumpLaw, demand_moments
from hydatis_placement.node_moments import NodeMoments
from hydatis_placement.overload import CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen

__all__ = ["THRESHOLDS", "MomentLedger"]

#: shape (2,): what of allocatable may be used.
THRESHOLDS = np.array([CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO])
_WEEK_SECONDS = 7 * 86400.0


class MomentLedger:
    """Moments of nodes under one law.

    Args:
        seen: the cluster; shapes of its nodes are grouped, since moments depend on the room of a node alone.
        jumps: law of jumps.
        history_seconds: how much of a pod's past is looked at.
    """

    def __init__(self, seen: Seen, jumps: JumpLaw, history_seconds: float = _WEEK_SECONDS) -> None:
        self._room, self._shape_of = np.unique(seen.allocatable * THRESHOLDS[:, None], axis=1, return_inverse=True)
        self._steps = max(round(history_seconds / seen.fleet.step_seconds), 1)
        self._jumps = jumps
        self.nodes = NodeMoments(seen.nodes_count)
        self._pod = -1
        self._moments = np.zeros((SCALES.size, 2, self._room.shape[1]))

    def of_pod(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """Moments of a pod on every node, shape (scales, 2) when all nodes are alike, else (scales, 2, nodes)."""
        if pod != self._pod:
            past, asked = seen.past(self._steps, pod), seen.fleet.requests[:, pod]
            for shape in range(self._room.shape[1]):
                self._moments[:, :, shape] = demand_moments(past, asked, self._room[:, shape], self._jumps)
            self._pod = pod
        return self._moments[:, :, 0] if self._room.shape[1] == 1 else self._moments[:, :, self._shape_of]

    def place(self, seen: Seen, pod: int, node: int) -> None:
        """Counts a pod on its node."""
        self.of_pod(seen, pod)
        self.nodes.add(node, self._moments[:, :, self._shape_of[node]])
