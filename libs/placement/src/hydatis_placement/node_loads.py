"""Sums of effective loads over the pods of each node: what the bound on overload is computed from."""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_features.use_law import SCALES
from numpy.typing import NDArray

__all__ = ["NodeLoads"]

Loads = NDArray[np.float64]


class NodeLoads:
    """Loads of nodes at each of ``use_law.SCALES``. Not safe for threads.

    Args:
        nodes_count: > 0.
    """

    def __init__(self, nodes_count: int) -> None:
        if nodes_count < 1:
            raise InvalidValue(f"{nodes_count} nodes", field="nodes_count", expected="at least one")
        self.sums = np.zeros((2, SCALES.size, nodes_count))
        """shape (2, scales, nodes), CPU and memory, shares of what each node may hold, >= 0."""

    def after(self, pod: Loads) -> Loads:
        """Sums of every node with a pod on it.

        Args:
            pod: shape (2, scales), the same on every node, or (2, scales, nodes).

        Raises:
            WrongShape: neither.
        """
        if pod.shape not in (self.sums.shape[:2], self.sums.shape):
            raise WrongShape(f"loads of shape {pod.shape}", field="pod", expected=f"{self.sums.shape[:2]} or {self.sums.shape}")
        return self.sums + (pod if pod.ndim == 3 else pod[:, :, None])

    def add(self, node: int, pod: Loads) -> None:
        """Counts a pod: shape (2, scales)."""
        self.sums[:, :, node] += pod
