"""The greedy rung: the policy's reward with what is known in the place of what will happen, one step ahead.

The laws of use speak for weeks: they keep pods apart that could once meet. The forecast speaks for the coming hour: a node that is
about to pass its threshold is avoided, whatever the laws of its pods say. It needs no learning and runs inside the shim. It is also
what the learned policy adds to and has to beat: same knowledge, same reward, and no experience.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from numpy.typing import NDArray

from hydatis_placement.credits import Credits
from hydatis_placement.fragmentation import gpu_lost
from hydatis_placement.gpu_loss import gpu_loss_cost
from hydatis_placement.load_after import LoadAfter, load_after
from hydatis_placement.overload import CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO, expected_overload_cost
from hydatis_placement.overload_bound import bound_values
from hydatis_placement.reward import RewardWeights
from hydatis_placement.view import ClusterView

__all__ = ["EPSILON", "utility", "utility_ends"]

Vector = NDArray[np.float32]

#: Utilities this close are as good as each other. D is the sixth root of a bound: at a bound of 10^-4 a thousandth is 3 % of it,
#: and between nodes that are all but empty it is a tenth of their room.
EPSILON = 0.001
_WEIGHTS = RewardWeights()
_PER_ROOM = np.array([[1.0 / CPU_THRESHOLD_RATIO], [1.0 / MEMORY_THRESHOLD_RATIO]], dtype=np.float32)


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
    """Utilities of candidate nodes from laws of use and the forecast.

    utility = w_o ((1 - w) (-D) + w (u - o - 3 D)) - w_c E_cpu - w_m E_mem - w_g L, with D, u and o (``overload_bound``) of loads

        load_r(s) = max(effective_r(s), used_r),   used_r = measured load / what the node may hold,

    w the objective weight, E = ``expected_overload_cost`` of the forecast and L = ``gpu_loss_cost`` of the GPU that nobody could
    use any more (``fragmentation.gpu_lost``; 0 without GPU), all after placement. Weights are the defaults of ``RewardWeights``. At
    no scale is a node loaded less than is measured: laws of workloads that are new know too little. What is not known of a node is
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
    spread, pack = utility_ends(loads, gpu_lost(view, rows, pod, loads.cpu_requested, loads.memory_requested))
    result: Vector = spread + (pack - spread) * np.float32(objective_weight)
    return result


def utility_ends(loads: LoadAfter, gpu_lost_devices: Vector) -> NDArray[np.float32]:
    """``utility`` with objective weight 0, and with 1; it is linear between.

    Args:
        loads: after placement.
        gpu_lost_devices: shape (candidates,), ``fragmentation.gpu_lost`` of the same.

    Returns:
        shape (2, candidates), float32, finite, high = better.
    """
    soon = _WEIGHTS.cpu_overload * expected_overload_cost(
        loads.cpu_p50, loads.cpu_p95, CPU_THRESHOLD_RATIO
    ) + _WEIGHTS.memory_overload * expected_overload_cost(loads.memory_p50, loads.memory_p95, MEMORY_THRESHOLD_RATIO)
    used = np.stack([loads.cpu_used, loads.memory_used]) * _PER_ROOM
    values = bound_values(np.maximum(loads.effective, used[:, None]), loads.opened)
    lost = np.float32(_WEIGHTS.gpu_loss) * gpu_loss_cost(gpu_lost_devices)
    ends: NDArray[np.float32] = np.float32(_WEIGHTS.objective) * values - soon - lost
    return ends
