"""hydatis.cluster.v1: resources, nodes, pods and their events.

What was asked for and what exists travels here; zero means "none", because Kubernetes reads an absent request as zero.
"""

from __future__ import annotations

import math

from hydatis.cluster.v1 import cluster_pb2
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import DEFAULT_POD_LIMIT_COUNT, GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources

from hydatis_serving.events import PodEvent, PodEventKind

__all__ = [
    "gpu_device_from_proto",
    "gpu_device_to_proto",
    "node_from_proto",
    "node_to_proto",
    "pod_event_from_proto",
    "pod_event_to_proto",
    "pod_from_proto",
    "pod_to_proto",
    "resources_from_proto",
    "resources_to_proto",
]

_TO_KIND = {
    PodEventKind.BOUND: cluster_pb2.POD_EVENT_KIND_BOUND,
    PodEventKind.ENDED: cluster_pb2.POD_EVENT_KIND_ENDED,
}
_FROM_KIND = {number: kind for kind, number in _TO_KIND.items()}
#: Largest number of bytes that the wire holds; more is a mistake anyway.
_MAX_BYTES = 2**63 - 1


def resources_to_proto(resources: Resources) -> cluster_pb2.Resources:
    """Amounts; bytes are whole on the wire."""
    return cluster_pb2.Resources(
        cpu_cores=resources.cpu_cores,
        memory_bytes=min(int(resources.memory_bytes), _MAX_BYTES),
        gpu_count=resources.gpu_count,
        gpu_milli_per_device=resources.gpu_milli_per_device,
    )


def resources_from_proto(message: cluster_pb2.Resources) -> Resources:
    """Amounts.

    Raises:
        InvalidValue: an amount is negative, NaN or infinite, or a share is above 1000.
    """
    return Resources(message.cpu_cores, float(message.memory_bytes), message.gpu_count, message.gpu_milli_per_device)


def gpu_device_to_proto(device: GpuDevice) -> cluster_pb2.GpuDevice:
    """A GPU device."""
    return cluster_pb2.GpuDevice(device_index=device.device_index, model=device.model, free_milli=device.free_milli)


def gpu_device_from_proto(message: cluster_pb2.GpuDevice) -> GpuDevice:
    """A GPU device.

    Raises:
        InvalidValue: the index is negative, or the free share is outside 0..1000.
    """
    if message.device_index < 0:
        raise InvalidValue(f"{message.device_index} is not a device", field="device_index", expected="an index >= 0")
    if not 0 <= message.free_milli <= 1000:
        raise InvalidValue(f"{message.free_milli} is not a share of a device", field="free_milli", expected="0 to 1000")
    return GpuDevice(message.device_index, message.model, message.free_milli)


def node_to_proto(node: Node) -> cluster_pb2.Node:
    """A node."""
    return cluster_pb2.Node(
        name=node.name,
        allocatable=resources_to_proto(node.allocatable),
        pod_limit_count=node.pod_limit_count,
        gpu_devices=[gpu_device_to_proto(device) for device in node.gpu_devices],
    )


def node_from_proto(message: cluster_pb2.Node) -> Node:
    """A node; a pod limit of 0 is read as the usual one.

    Raises:
        InvalidValue: no name, nothing to give, or an amount that is none.
    """
    if message.pod_limit_count < 0:
        raise InvalidValue(f"{message.pod_limit_count} is not a limit", field="pod_limit_count", expected="a number >= 0")
    return Node(
        message.name,
        resources_from_proto(message.allocatable),
        message.pod_limit_count or DEFAULT_POD_LIMIT_COUNT,
        tuple(gpu_device_from_proto(device) for device in message.gpu_devices),
    )


def pod_to_proto(pod: Pod) -> cluster_pb2.Pod:
    """A pod."""
    return cluster_pb2.Pod(
        uid=pod.uid,
        name=pod.name,
        namespace=pod.namespace,
        workload=pod.workload,
        requests=resources_to_proto(pod.requests),
        limits=resources_to_proto(pod.limits),
        priority=pod.priority,
    )


def pod_from_proto(message: cluster_pb2.Pod) -> Pod:
    """A pod.

    Raises:
        InvalidValue: no uid, or an amount that is none.
    """
    return Pod(
        message.uid,
        message.name,
        message.namespace,
        message.workload,
        resources_from_proto(message.requests),
        resources_from_proto(message.limits),
        message.priority,
    )


def pod_event_to_proto(event: PodEvent) -> cluster_pb2.PodEvent:
    """A pod event."""
    return cluster_pb2.PodEvent(
        kind=_TO_KIND[event.kind],
        pod=pod_to_proto(event.pod),
        node_name=event.node_name,
        event_time_seconds=event.event_time_seconds,
    )


def pod_event_from_proto(message: cluster_pb2.PodEvent) -> PodEvent:
    """A pod event.

    Raises:
        InvalidValue: the kind is not set or unknown, a bound pod has no node, or the time is none.
    """
    kind = _FROM_KIND.get(message.kind)
    if kind is None:
        raise InvalidValue(f"{message.kind} is not a kind of pod event", field="kind", expected="bound or ended")
    if not math.isfinite(message.event_time_seconds) or message.event_time_seconds < 0:
        shown = f"{message.event_time_seconds!r} is not a time"
        raise InvalidValue(shown, field="event_time_seconds", expected="Unix seconds >= 0")
    if kind is PodEventKind.BOUND and not message.node_name:
        raise InvalidValue(f"pod {message.pod.uid!r} is bound to no node", field="node_name", expected="the name of a node")
    return PodEvent(kind, pod_from_proto(message.pod), message.node_name, message.event_time_seconds)
