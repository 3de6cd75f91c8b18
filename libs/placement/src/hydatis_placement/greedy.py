"""The greedy rung: the policy's reward with the forecast put in the place of what will happen, one step ahead.

It needs no learning and runs inside the shim. It is also the ablation that the learned policy has to beat: same forecast, same
reward, and no experience.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from numpy.typing import NDArray

from hydatis_placement.credits import Credits
from hydatis_placement.load_after import LoadAfter, load_after
from hydatis_placement.objective import joint_load, objective_cost
from hydatis_placement.overload import CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO, expected_overload_cost
from hydatis_placement.reward import RewardWeights
from hydatis_placement.view import ClusterView

__all__ = ["EPSILON", "utility"]

Vector = NDArray[np.float32]

#: Utilities this close are as good as each other: a hundredth of a node's load.
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
) -> Vector:
    """Utilities of candidate nodes from the forecast.

    utility = -( w_c E_cpu + w_m E_mem + w_o objective_cost(joint_load(cpu_p50, mem_p50), opened, objective_weight) ), with loads
    after it and E = ``expected_overload_cost``. Weights are the defaults of ``RewardWeights``. A node without a forecast is
    valued by its stand-ins (``view.FALLBACKS``).

    Args:
        view: the state decided on.
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
    cost = (
        _WEIGHTS.cpu_overload * expected_overload_cost(loads.cpu_p50, loads.cpu_p95, CPU_THRESHOLD_RATIO)
        + _WEIGHTS.memory_overload * expected_overload_cost(loads.memory_p50, loads.memory_p95, MEMORY_THRESHOLD_RATIO)
        + _WEIGHTS.objective * objective_cost(joint_load(loads.cpu_p50, loads.memory_p50), loads.opened, objective_weight)
    )
    result: Vector = np.negative(cost, dtype=np.float32)
    return result
