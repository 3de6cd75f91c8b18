"""After-states: one candidate node as it would be with the pod on it, as a row of numbers.

The policy values these rows and never the choice itself, so one network serves clusters of any size and any node shape. Shares
may pass 1: over is over, and by how much matters. What is unknown has a stand-in (``view.FALLBACKS``) and a mask that says so.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.schema import Feature, Schema
from hydatis_features.use_law import SCALES
from numpy.typing import NDArray

from hydatis_placement.credits import Credits
from hydatis_placement.fragmentation import gpu_after, gpu_lost, stranded_ratio
from hydatis_placement.greedy import utility_ends
from hydatis_placement.load_after import LoadAfter, load_after
from hydatis_placement.view import ClusterView, Fact

__all__ = [
    "BASELINE_COLUMNS",
    "COLUMNS",
    "COLUMN_DEFINITIONS",
    "LARGEST_UTILITY",
    "LIMIT",
    "OBJECTIVE_COLUMN",
    "SCHEMA",
    "after_states",
    "baseline",
]

#: Every load is clipped to -LIMIT..LIMIT: a node at ten times its size is as bad as one at a hundred times.
LIMIT = 10.0
#: What greedy says is clipped here: it is what the values start from, and tells bad nodes from worse ones.
LARGEST_UTILITY = 1000.0

_SHARE = "share of allocatable"
_FLAG = "0 or 1"

SCHEMA = Schema(
    (
        Feature("cpu_p50_after_ratio", _SHARE, "Forecast median of CPU (maximum over the next hour) after placement.", "forecast"),
        Feature("cpu_p95_after_ratio", _SHARE, "The same, 95th percentile.", "forecast"),
        Feature("memory_p50_after_ratio", _SHARE, "Forecast median of memory (maximum over the next hour) after it.", "forecast"),
        Feature("memory_p95_after_ratio", _SHARE, "The same, 95th percentile.", "forecast"),
        Feature("cpu_used_after_ratio", _SHARE, "Mean CPU use of 15 minutes, credits and the pod's median.", "usage"),
        Feature("memory_used_after_ratio", _SHARE, "Mean memory use of 15 minutes, credits and the pod's median.", "usage"),
        Feature("cpu_peak_after_ratio", _SHARE, "Largest 5-minute mean of CPU in a day, credits and the pod at p95.", "usage"),
        Feature(
            "memory_peak_after_ratio", _SHARE, "Largest 5-minute mean of memory in a day, credits and the pod at p95.", "usage"
        ),
        Feature("cpu_requested_after_ratio", _SHARE, "CPU requests after placement.", "cluster"),
        Feature("memory_requested_after_ratio", _SHARE, "Memory requests after placement.", "cluster"),
        Feature("headroom_after_ratio", _SHARE, "1 less the larger of both 95th percentiles; below 0 when over.", "forecast"),
        Feature("pod_count_after_ratio", "share of pod limit", "Pods after placement.", "cluster"),
        Feature("imbalance_after_ratio", "0..10", "|CPU - memory| of the forecast medians after placement.", "forecast"),
        Feature("stranded_after_ratio", "0..1", "Free share that pods like the cluster's cannot use, after it.", "cluster"),
        Feature("stranded_change_ratio", "-1..1", "The same, after less before; below 0: the pod fills a gap.", "cluster"),
        Feature(
            "gpu_largest_free_after_ratio", "share of a device", "Largest free share of one GPU after; 0 without GPU.", "cluster"
        ),
        Feature("gpu_whole_free_after_ratio", "share of devices", "GPUs nobody shares, after it; 0 without GPU.", "cluster"),
        Feature("gpu_not_wanted", _FLAG, "1: the node has GPUs and the pod asks for none.", "cluster"),
        Feature("node_size_ratio", "0..1", "Larger of CPU and memory over the largest node's.", "cluster"),
        Feature("node_was_empty", _FLAG, "1: the pod would be the node's first.", "cluster"),
        Feature("risk", "0..1", "Risk of the anomaly detector, high = more anomalous; 0 where unknown.", "risk"),
        Feature("forecast_missing", _FLAG, "1: no forecast, the newest hour's maximum stands in.", "forecast"),
        Feature("usage_missing", _FLAG, "1: use was not measured, the sum of the pods' profiles stands in.", "usage"),
        Feature("risk_missing", _FLAG, "1: no risk score.", "risk"),
        # Revision 2: values are what is added to greedy. An earlier policy, whose values were all of it, must not be taken for one.
        Feature("objective_weight", "0..1", "What is wanted of the cluster: 0 spreads, 1 packs.", "objective", revision=2),
        Feature("pod_size_ratio", _SHARE, "Larger of the pod's 95th percentiles of CPU and memory use.", "workload"),
        *(
            Feature(
                f"{resource}_effective_{scale:.0f}_after_ratio",
                "share of room",
                f"{name} load after placement by the laws of use of all pods, at scale {scale:.0f} (hydatis_features.use_law).",
                "workload",
            )
            for resource, name in (("cpu", "CPU"), ("memory", "Memory"))
            for scale in SCALES
        ),
        Feature("gpu_lost_devices", "devices", "GPU that no pod seen so far could use any more; 0 without GPU.", "cluster"),
        Feature("greedy_spread", "reward", "What the greedy rung says of it with objective weight 0 (greedy.utility).", "forecast"),
        Feature("greedy_pack", "reward", "The same with objective weight 1.", "forecast"),
    )
)

#: Names in order.
COLUMNS: tuple[str, ...] = SCHEMA.names
#: (name, definition hash) in order: what a model server checks.
COLUMN_DEFINITIONS: tuple[tuple[str, str], ...] = tuple(zip(SCHEMA.names, SCHEMA.hashes, strict=True))
#: Where the objective weight stands, and what greedy says with weight 0 and with 1: the learned function is a correction of that.
OBJECTIVE_COLUMN = COLUMNS.index("objective_weight")
BASELINE_COLUMNS = (COLUMNS.index("greedy_spread"), COLUMNS.index("greedy_pack"))


def baseline(states: NDArray[np.float32]) -> NDArray[np.float32]:
    """What greedy says of after-states: utility = ``baseline`` + what the learned function adds to it.

    Args:
        states: shape (candidates, len(COLUMNS)).

    Returns:
        shape (candidates,), float32, finite, high = better, in the unit of the reward.
    """
    spread, pack = (states[:, column] for column in BASELINE_COLUMNS)
    result: NDArray[np.float32] = spread + (pack - spread) * states[:, OBJECTIVE_COLUMN]
    return result


def after_states(
    view: ClusterView,
    rows: NDArray[np.int32],
    pod: Pod,
    expected_use: ExpectedUse,
    credits: Credits,
    objective_weight: float,
    *,
    after: LoadAfter | None = None,
) -> NDArray[np.float32]:
    """After-states of candidate nodes.

    Args:
        view: the state decided on.
        rows: shape (candidates,), int32, rows of the table without repeats.
        pod: the pod to place.
        expected_use: what it is expected to use.
        credits: what is not measured yet, for the same table.
        objective_weight: 0 spreads load over nodes, 1 packs it on few; 0..1.
        after: ``load_after`` of the same arguments, when the caller has it already.

    Returns:
        shape (candidates, len(COLUMNS)), float32, C order, finite, within -10..10, the last two within -1000..1000.

    Raises:
        InvalidValue: the objective weight is not within 0..1.
    """
    if not 0.0 <= objective_weight <= 1.0:
        raise InvalidValue(f"{objective_weight!r} is no weight", field="objective_weight", expected="0 (spread) to 1 (pack)")
    loads = after if after is not None else load_after(view, rows, pod, expected_use, credits)
    facts = view.facts.take(rows, axis=1)
    per_core, per_byte = facts[Fact.PER_CPU_CORE], facts[Fact.PER_MEMORY_BYTE]
    stranded_before, stranded_after = stranded_ratio(
        loads.cpu_requested - np.float32(pod.requests.cpu_cores) * per_core,
        loads.memory_requested - np.float32(pod.requests.memory_bytes) * per_byte,
        loads.cpu_requested,
        loads.memory_requested,
        facts[Fact.TYPICAL_CPU],
        facts[Fact.TYPICAL_MEMORY],
    )
    largest_free, whole_free = gpu_after(view, rows, facts, pod)
    one = np.float32(1.0)
    lines = np.empty((len(COLUMNS), rows.size), dtype=np.float32)
    lines[0] = loads.cpu_p50
    lines[1] = loads.cpu_p95
    lines[2] = loads.memory_p50
    lines[3] = loads.memory_p95
    lines[4] = loads.cpu_used
    lines[5] = loads.memory_used
    lines[6] = loads.cpu_peak
    lines[7] = loads.memory_peak
    lines[8] = loads.cpu_requested
    lines[9] = loads.memory_requested
    np.subtract(one, np.maximum(loads.cpu_p95, loads.memory_p95), out=lines[10])
    lines[11] = loads.pod_count
    np.abs(loads.cpu_p50 - loads.memory_p50, out=lines[12])
    lines[13] = stranded_after
    np.subtract(stranded_after, stranded_before, out=lines[14])
    lines[15] = largest_free
    lines[16] = whole_free
    lines[17] = 0.0 if pod.requests.gpu_count else facts[Fact.GPU_PRESENT]
    lines[18] = facts[Fact.SIZE]
    lines[19] = loads.opened
    lines[20:24] = facts[[Fact.RISK, Fact.FORECAST_MISSING, Fact.USAGE_MISSING, Fact.RISK_MISSING]]
    lines[24] = objective_weight
    np.maximum(
        np.float32(expected_use.cpu_p95_cores) * per_core, np.float32(expected_use.memory_p95_bytes) * per_byte, out=lines[25]
    )
    lines[26:32] = loads.effective.reshape(6, rows.size)
    lines[32] = gpu_lost(view, rows, pod, loads.cpu_requested, loads.memory_requested)
    lines[33:] = utility_ends(loads, lines[32])
    np.clip(lines[:33], -LIMIT, LIMIT, out=lines[:33])
    np.clip(lines[33:], -LARGEST_UTILITY, LARGEST_UTILITY, out=lines[33:])
    return np.ascontiguousarray(lines.T)
