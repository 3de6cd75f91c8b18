"""FGD's CPU and memory analogue: the node on which the pod strands least (Weng et al., USENIX ATC 2023, for GPUs).

For each size m of a mix of requests d_m, equally likely: k_m = floor(min over r of free_r / d_mr) pods fit, free_r - k_m d_mr is
stranded; F = mean over m and r of stranded_r / A_r, and

    s = F without the pod - F with it

The mix is what ``hydatis_placement.fragmentation`` has: 0.5, 1 and 2 times the mean request, here of the pods bound so far and the
candidate; the future mix is not known. FGD squeezes s through a sigmoid into 0..100 whole levels, which only adds ties.
"""

from __future__ import annotations

import numpy as np
from hydatis_placement.fragmentation import stranded_ratio
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.request_ledger import RequestPeer

__all__ = ["FragmentationGradient"]


class FragmentationGradient(RequestPeer):
    """Steepest descent of stranded CPU and memory."""

    name = "fragmentation-gradient"

    def __init__(self, *, overcommit: float = 1.0) -> None:
        super().__init__(overcommit=overcommit, keeps_within=True)

    def start(self, seen: Seen) -> None:
        """No pod is known yet."""
        super().start(seen)
        self._sum = np.zeros(2)
        self._count = 0

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """The mix learns the pod's size."""
        super().placed(seen, pod, node)
        self._sum += self.requests[:, pod]
        self._count += 1

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """shape (nodes,), -1..1 or REJECTED."""
        left = self.left(pod)
        typical = ((self._sum + self.requests[:, pod]) / (self._count + 1))[:, None] / self.capacity
        before, after = 1.0 - self.free / self.capacity, 1.0 - left / self.capacity
        stranded = stranded_ratio(*(part.astype(np.float32) for part in (*before, *after, *typical)))
        return self.within(left, (stranded[0] - stranded[1]).astype(np.float64))
