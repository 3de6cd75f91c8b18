"""After-states by log moments: one candidate node as it would be with the pod on it, for the learned correction of the bound.

The first two columns are what greedy says; the network only adds to them (``q_learning``, baseline columns). Reward, by the use
that really came, over the steps of the weeks after (u and D of the same formulas, with the node's true series for its law):

    b = ln bound / 6,  D = exp(b) up to b = 1 and e b beyond,  u = min(max_r L_r(10) / 10, 2),  o = 1 if the node was empty
    r = (1 - w) (-D) + w (u - o - 3 D)

The sixth root makes a bound of 10^-4 and one of 1 differ by 0.2 and 1, so that a network can learn either; beyond, D goes on along
its tangent, so that a few wrecked nodes do not drown what is told of good ones. Nothing of the pod itself is in a state, only what
the node becomes by it: a network that sees pods learns the training machines by heart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_placement.demand_law import SCALES
from hydatis_placement.node_moments import log_overload_bound

__all__ = ["BASELINE_COLUMNS", "MOMENT_COLUMNS", "OBJECTIVE_COLUMN", "moment_states", "moment_values"]

Moments = NDArray[np.float64]

_ROOT = 6.0
_LARGEST_LOAD = 2.0
_OVERLOAD_WEIGHT = 3.0
_LARGEST_STATE = 10.0
_PAIRS = tuple(f"{resource}_at_{scale:g}" for scale in SCALES for resource in ("cpu", "memory"))

#: Names in order; a "load" is L(s) / s, in shares of what the node may hold.
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


def moment_values(sums: Moments, opened: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Value of nodes with these moments: the reward's formula, of a forecast or of what came.

    Args:
        sums: shape (scales, 2, nodes), log moments.
        opened: shape (nodes,): o.

    Returns:
        shape (nodes, 2), high = better: with objective weight 0, and with 1.
    """
    root = log_overload_bound(sums) / _ROOT
    overload = np.where(root > 1.0, np.e * root, np.exp(np.minimum(root, 1.0)))
    load = np.minimum(sums[0].max(axis=0) / SCALES[0], _LARGEST_LOAD)
    return np.stack([-overload, load - opened - _OVERLOAD_WEIGHT * overload], axis=1).astype(np.float32)


def moment_states(
    after: Moments, requested_after: NDArray[np.float64], opened: NDArray[np.bool_], objective_weight: float
) -> NDArray[np.float32]:
    """After-states of all nodes.

    Args:
        after: shape (scales, 2, nodes), log moments of each node with the pod.
        requested_after: shape (2, nodes), requests with the pod, share of allocatable.
        opened: shape (nodes,), whether the pod would be the node's first.
        objective_weight: 0 (spread) to 1 (pack).

    Returns:
        shape (nodes, len(MOMENT_COLUMNS)), float32; loads are cut at 10.
    """
    states = np.empty((len(MOMENT_COLUMNS), after.shape[2]), dtype=np.float32)
    states[:2] = moment_values(after, opened).T
    states[2:-3] = (after / SCALES[:, None, None]).reshape(len(_PAIRS), -1)
    states[-3:-1] = requested_after
    states[OBJECTIVE_COLUMN] = objective_weight
    np.minimum(states[2:], np.float32(_LARGEST_STATE), out=states[2:])
    return np.ascontiguousarray(states.T)
