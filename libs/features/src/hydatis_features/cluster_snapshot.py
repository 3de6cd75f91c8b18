"""The cluster state as JSON-able values and back: what a restarted process must not have forgotten.

Numbers pass through JSON unchanged (Python writes the shortest text that reads back to the same float), so a restored state sums to
the same bits.
"""

from __future__ import annotations

from typing import Any

from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources

from hydatis_features.cluster_state import BoundPod, ClusterState
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.gpu_demand import GpuDemand, GpuDemandSums

__all__ = ["state_from_json", "state_to_json"]


def state_to_json(state: ClusterState) -> dict[str, Any]:
    """Nodes, bound pods, recent events, ended uids and the GPU demand as dicts, lists, texts and numbers."""
    free_slots, ended = state.bookkeeping()
    laws: dict[tuple[float, ...], int] = {}
    return {
        "nodes": [_node_to_json(node) for node in state.nodes],
        "pods": [_bound_to_json(bound, laws) for bound in state.bound_pods()],
        "laws": list(laws),
        "free_slots": free_slots,
        "ended": ended,
        "gpu_demand": [_demand_to_json(demand) for demand in (state.gpu_demand.demand(), state.gpu_demand.published)],
        "started": state.started.to_list(),
        "stopped": state.stopped.to_list(),
    }


def state_from_json(values: dict[str, Any]) -> ClusterState:
    """The state that ``state_to_json`` described.

    Raises:
        InvalidValue: an amount is out of range, or slots do not add up.
        KeyError, TypeError, ValueError: something is missing or of another type.
    """
    state = ClusterState([_node_from_json(node) for node in values["nodes"]])
    laws = [tuple(law) for law in values["laws"]]
    bound = [_bound_from_json(pod, laws) for pod in values["pods"]]
    slots = [one.slot for one in bound] + [int(slot) for slot in values["free_slots"]]
    if sorted(slots) != list(range(len(slots))):
        raise InvalidValue("slots are missing or stand twice", field="pods", expected="each slot once")
    state.restore_slots(bound, values["free_slots"], values["ended"])
    state.gpu_demand = GpuDemandSums(*(_demand_from_json(demand) for demand in values["gpu_demand"]))
    for events, name in ((state.started, "started"), (state.stopped, "stopped")):
        for time, row in values[name]:
            events.add(time, row)
    return state


def _node_to_json(node: Node) -> list[Any]:
    devices = [[device.device_index, device.model, device.free_milli] for device in node.gpu_devices]
    return [node.name, _resources_to_json(node.allocatable), node.pod_limit_count, devices]


def _node_from_json(values: list[Any]) -> Node:
    name, allocatable, pod_limit_count, devices = values
    return Node(name, Resources(*allocatable), pod_limit_count, tuple(GpuDevice(*device) for device in devices))


def _bound_to_json(bound: BoundPod, laws: dict[tuple[float, ...], int]) -> list[Any]:
    """The pod; its law by number, which is given to it now if it has none: many pods share one."""
    pod, use = bound.pod, bound.expected
    return [
        [pod.uid, pod.name, pod.namespace, pod.workload, pod.priority],
        _resources_to_json(pod.requests),
        _resources_to_json(pod.limits),
        [bound.node_name, bound.bind_time_seconds, bound.slot, list(bound.gpu_positions)],
        [use.cpu_p50_cores, use.cpu_p95_cores, use.memory_p50_bytes, use.memory_p95_bytes, use.source.value],
        laws.setdefault(use.effective_use_ratio, len(laws)),
    ]


def _bound_from_json(values: list[Any], laws: list[tuple[float, ...]]) -> BoundPod:
    (
        (uid, name, namespace, workload, priority),
        requests,
        limits,
        (node_name, bind_time, slot, positions),
        (cpu_p50, cpu_p95, memory_p50, memory_p95, source),
        law,
    ) = values
    use = ExpectedUse(cpu_p50, cpu_p95, memory_p50, memory_p95, UseSource(source), laws[law])
    pod = Pod(uid, name, namespace, workload, Resources(*requests), Resources(*limits), priority)
    return BoundPod(pod, node_name, bind_time, use, slot, tuple(positions))


def _demand_to_json(demand: GpuDemand) -> list[Any]:
    return [list(demand.sizes), list(demand.counts), demand.cpu_milli, demand.memory_mib, demand.gpu_milli]


def _demand_from_json(values: list[Any]) -> GpuDemand:
    sizes, counts, *sums = values
    return GpuDemand(tuple(sizes), tuple(counts), *sums)


def _resources_to_json(resources: Resources) -> list[float]:
    return [resources.cpu_cores, resources.memory_bytes, resources.gpu_count, resources.gpu_milli_per_device]
