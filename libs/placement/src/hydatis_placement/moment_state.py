"""After-states by effective loads alone: one candidate node as it would be with the pod on it, for the arena's learned correction.

The first two columns are what greedy says (``overload_bound``); the network only adds to them (``q_learning``, baseline columns).
The reward is the same value with the node's true series over the weeks after for its law. Nothing of the pod itself is in a state,
only what the node becomes by it: a network that sees pods learns the training machines by heart.
"""

from __future__ import annotations

import numpy as np
from hydatis_features.use_law import SCALES
from numpy.typing import NDArray

from hydatis_placement.overload_bound import bound_values

__all__ = ["BASELINE_COLUMNS", "MOMENT_COLUMNS", "OBJECTIVE_COLUMN", "moment_states"]

_LARGEST_STATE = 10.0
_PAIRS = tuple(f"{resource}_at_{scale:g}" for scale in SCALES for resource in ("cpu", "memory"))

#: Names in order; loads are shares of what the node may hold.
MOMENT_COLUMNS: tuple[str, ...] = (
    "greedy_spread",
    "greedy_pack",
    *(f"load_after_{pair}" for pair in _PAIRS),
    "cpu_requested_after_ratio",
    "memory_requested_after_ratio",
    "objective_weight",
)
BASELINE_COLUMNS = (0, 1)
OBJECTIVE_COLUMN = MOMENT_COLUMNS.index("objective_weight")


def moment_states(
    after: NDArray[np.float64], requested_after: NDArray[np.float64], opened: NDArray[np.bool_], objective_weight: float
) -> NDArray[np.float32]:
    """After-states of all nodes.

    Args:
        after: shape (2, scales, nodes), effective loads of each node with the pod.
        requested_after: shape (2, nodes), requests with the pod, share of allocatable.
        opened: shape (nodes,), whether the pod would be the node's first.
        objective_weight: 0 (spread) to 1 (pack).

    Returns:
        shape (nodes, len(MOMENT_COLUMNS)), float32; loads are cut at 10.
    """
    states = np.empty((len(MOMENT_COLUMNS), after.shape[2]), dtype=np.float32)
    states[:2] = bound_values(after, opened)
    states[2:-3] = after.transpose(1, 0, 2).reshape(len(_PAIRS), -1)
    states[-3:-1] = requested_after
    states[OBJECTIVE_COLUMN] = objective_weight
    np.minimum(states[2:], np.float32(_LARGEST_STATE), out=states[2:])
    return np.ascontiguousarray(states.T)
