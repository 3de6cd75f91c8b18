"""Log moments of nodes, and the bound on overload that follows from them.

The node's chance of passing its threshold is at most exp(L(s) - s) for every s > 0, with L the sum of its pods' log moments and
load counted in shares of the threshold (Chernoff 1952; as "effective bandwidths" Kelly 1996). The least of them over a few scales
follows means when a node is full of steady pods and tails when a few bursty ones could meet, which no sum of percentiles does.
Adding a pod is adding six numbers, so a decision over a thousand nodes costs no more than a few passes over 6,000.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_placement.demand_law import SCALES

__all__ = ["NodeMoments", "log_overload_bound"]

Moments = NDArray[np.float64]


def log_overload_bound(sums: Moments) -> NDArray[np.float64]:
    """ln( min_s exp(L_cpu(s) - s) + min_s exp(L_memory(s) - s) ).

    Args:
        sums: shape (scales, 2, nodes), L of each node.

    Returns:
        shape (nodes,), low = safe; an empty node: -s of the largest scale + ln 2; above 0: the bound says nothing any more, and
        still grows with the load.
    """
    least = (sums - SCALES[: len(sums), None, None]).min(axis=0)
    return np.asarray(np.logaddexp(least[0], least[1]))


class NodeMoments:
    """Sums of log moments over the pods of each node. Not safe for threads.

    Args:
        nodes_count: > 0.
    """

    def __init__(self, nodes_count: int) -> None:
        if nodes_count < 1:
            raise InvalidValue(f"{nodes_count} nodes", field="nodes_count", expected="at least one")
        self.sums = np.zeros((SCALES.size, 2, nodes_count))
        """shape (scales, 2, nodes), >= 0."""

    def after(self, pod: Moments) -> Moments:
        """Sums of every node with a pod on it.

        Args:
            pod: shape (scales, 2), the same on every node, or (scales, 2, nodes).

        Raises:
            WrongShape: neither.
        """
        if pod.shape not in (self.sums.shape[:2], self.sums.shape):
            raise WrongShape(f"moments of shape {pod.shape}", field="pod", expected=f"{self.sums.shape[:2]} or {self.sums.shape}")
        return self.sums + (pod if pod.ndim == 3 else pod[:, :, None])

    def add(self, node: int, pod: Moments) -> None:
        """Counts a pod: shape (scales, 2)."""
        self.sums[:, :, node] += pod

    def remove(self, node: int, pod: Moments) -> None:
        """Takes a pod off that was added with the same moments; what rounding leaves below zero is zero."""
        self.sums[:, :, node] = np.maximum(self.sums[:, :, node] - pod, 0.0)
