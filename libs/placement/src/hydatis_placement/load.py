"""The load rung: the last measured load, with what is not measured yet, when there is no forecast.

It is what usage-aware schedulers do today, and it needs nothing but the node table: the last rung that still knows anything.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from numpy.typing import NDArray

from hydatis_placement.credits import Credits
from hydatis_placement.load_after import LoadAfter, load_after
from hydatis_placement.objective import joint_load, objective_cost
from hydatis_placement.overload import CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO, overload_cost
from hydatis_placement.reward import RewardWeights
from hydatis_placement.view import ClusterView

__all__ = ["EPSILON", "utility", "value"]

#: Utilities this close are as good as each other: as for the greedy rung.
EPSILON = 0.01
_WEIGHTS = RewardWeights()


def utility(
    view: ClusterView,
    rows: NDArray[np.int32],
    pod: Pod,
    expected_use: ExpectedUse,
    credits: Credits,
    objective_weight: float,
    *,
    after: LoadAfter | None = None,
) -> NDArray[np.float32]:
    """Utilities of candidate nodes from the last measured load.

    utility = -( w_c c(cpu) + w_m c(mem) + w_o objective_cost(joint_load(cpu, mem), opened, objective_weight) ), where cpu and mem
    are measured load + credits + the pod's median, and c is ``overload_cost``. A node whose load was not measured is valued by its
    stand-ins (``view.FALLBACKS``).

    Args:
        view: the state decided on; only its table is read.
        rows: shape (candidates,), int32, rows of the table without repeats.
        pod: the pod to place.
        expected_use: what it is expected to use.
        credits: what is not measured yet, for the same table.
        objective_weight: 0 (spread) to 1 (pack).
        after: ``load_after`` of the same arguments, when the caller has it already.

    Returns:
        shape (candidates,), float32, finite, high = better, in the unit of the reward.
    """
    loads = after if after is not None else load_after(view, rows, pod, expected_use, credits)
    return value(loads.cpu_used, loads.memory_used, loads.opened, objective_weight)


def value(
    cpu_used: NDArray[np.float32], memory_used: NDArray[np.float32], opened: NDArray[np.float32], objective_weight: float
) -> NDArray[np.float32]:
    """``utility`` from loads after placement.

    Args:
        cpu_used, memory_used: shape (candidates,), share of allocatable.
        opened: shape (candidates,), 1 where the pod would be the node's first, else 0.
        objective_weight: 0 (spread) to 1 (pack).
    """
    cost = (
        _WEIGHTS.cpu_overload * overload_cost(cpu_used, CPU_THRESHOLD_RATIO)
        + _WEIGHTS.memory_overload * overload_cost(memory_used, MEMORY_THRESHOLD_RATIO)
        + _WEIGHTS.objective * objective_cost(joint_load(cpu_used, memory_used), opened, objective_weight)
    )
    result: NDArray[np.float32] = np.negative(cost, dtype=np.float32)
    return result
