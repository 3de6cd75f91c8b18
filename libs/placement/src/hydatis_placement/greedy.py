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
from hydatis_placement.objective import objective_cost
from hydatis_placement.overload import CPU_THRESHOLD_RATIO, MEMORY_THRESHOLD_RATIO, expected_overload_cost
from hydatis_placement.reward import RewardWeights
from hydatis_placement.view import ClusterView, Fact

__all__ = ["EPSILON", "utility"]

Vector = NDArray[np.float32]

#: Greedy utilities this close are as good as each other: what a hundredth of a node's load changes on a half loaded node.
EPSILON = 0.002
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

    utility = -( w_c d(E_cpu) + w_m d(E_mem) + w_o objective_cost(d(cpu_p50^2) + d(mem_p50^2), opened, objective_weight) ), where
    d is after less before the pod and E is ``expected_overload_cost``. Weights are the defaults of ``RewardWeights``. A node
    without a forecast is valued by its stand-ins (``view.FALLBACKS``).

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
    facts = view.facts[: Fact.PER_MEMORY_BYTE + 1].take(rows, axis=1)
    per_core, per_byte = facts[Fact.PER_CPU_CORE], facts[Fact.PER_MEMORY_BYTE]
    cpu, cpu_squares = _added(
        loads.cpu_p50,
        loads.cpu_p95,
        np.float32(expected_use.cpu_p50_cores) * per_core,
        np.float32(expected_use.cpu_p95_cores) * per_core,
        CPU_THRESHOLD_RATIO,
    )
    memory, memory_squares = _added(
        loads.memory_p50,
        loads.memory_p95,
        np.float32(expected_use.memory_p50_bytes) * per_byte,
        np.float32(expected_use.memory_p95_bytes) * per_byte,
        MEMORY_THRESHOLD_RATIO,
    )
    wanted = objective_cost(cpu_squares + memory_squares, loads.opened, objective_weight)
    cost = _WEIGHTS.cpu_overload * cpu + _WEIGHTS.memory_overload * memory + _WEIGHTS.objective * wanted
    result: Vector = np.negative(cost, dtype=np.float32)
    return result


def _added(p50: Vector, p95: Vector, pod_p50: Vector, pod_p95: Vector, threshold_ratio: float) -> tuple[Vector, Vector]:
    """What the pod adds: expected overload cost and squared median load."""
    before = p50 - pod_p50
    cost = expected_overload_cost(p50, p95, threshold_ratio) - expected_overload_cost(before, p95 - pod_p95, threshold_ratio)
    return cost, p50 * p50 - before * before
