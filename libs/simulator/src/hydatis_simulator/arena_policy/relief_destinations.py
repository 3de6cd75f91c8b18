"""Where a pod goes that a node sheds: by requests, as stock Kubernetes places it, or by laws of use, as HYDATIS does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_features.use_law import ROOM_RATIOS, SCALES, loads
from hydatis_placement.overload_bound import log_overload_bound
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.relief import Destination
from hydatis_simulator.arena_policy.load_ledger import WEEK_SECONDS, laws_until
from hydatis_simulator.peers.least_allocated import least_allocated
from hydatis_simulator.peers.request_ledger import UNITS

__all__ = ["DESTINATIONS", "ByLaws", "ByRequests"]

Matrix = NDArray[np.float64]
#: Days after which pods' laws are computed anew; a cluster's are never older than a minute.
_LAW_DAYS = 2


class ByRequests:
    """LeastAllocated."""

    def __init__(self, fleet: Fleet, allocatable: Matrix) -> None:
        self._requests = fleet.requests
        self._capacity = np.rint(allocatable * UNITS)

    def scores(self, step: int, pod: int, node_of: NDArray[np.int32], free: Matrix) -> Matrix:
        """By what is left of requests."""
        return least_allocated(np.rint((free - self._requests[:, pod, None]) * UNITS), self._capacity)


class ByLaws:
    """The node whose bound on overload is lowest with the pod, of laws of the week before; nodes must be alike."""

    def __init__(self, fleet: Fleet, allocatable: Matrix) -> None:
        self._fleet, self._room = fleet, allocatable[:, 0] * ROOM_RATIOS
        self._nodes_count = allocatable.shape[1]

    def scores(self, step: int, pod: int, node_of: NDArray[np.int32], free: Matrix) -> Matrix:
        """By what pods used until the last refresh."""
        every = _LAW_DAYS * round(DAY_SECONDS / self._fleet.step_seconds)
        until = step // every * every
        by_pod = self._fleet.remembered(("relief loads", until, *self._room), lambda: self._loads(until))
        sums = np.empty((2, SCALES.size, self._nodes_count))
        for place in np.ndindex(2, SCALES.size):
            sums[place] = np.bincount(node_of, weights=by_pod[:, *place], minlength=self._nodes_count)
        return -log_overload_bound(sums + by_pod[pod][:, :, None])

    def _loads(self, until: int) -> Matrix:
        """shape (pods, 2, scales)."""
        laws = laws_until(self._fleet, np.full(self._fleet.pods_count, until), jumps=True, history_seconds=WEEK_SECONDS)
        return loads(laws, self._fleet.requests.T, self._room)


#: By name, made of a fleet and allocatable.
DESTINATIONS: dict[str, Callable[[Fleet, Matrix], Destination]] = {"requests": ByRequests, "laws": ByLaws}
