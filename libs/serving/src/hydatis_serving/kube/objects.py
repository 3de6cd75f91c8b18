"""Nodes and pods as the API server writes them, and what they count for here.

Of objects of several kilobytes a few fields are decoded and the rest is passed over, which is what makes tens of thousands of them
cheap. What counts:

* A node, Ready or NotReady, cordoned or tainted, is in the table: its pods run on, and what was learned of it is wanted when it
  returns. Whether a new pod may go there is kube-scheduler's to say, before it asks.
* A node without allocatable CPU or memory (it has just registered) is not, until it has some.
* A pod on a node takes its requests from the bind until it is gone, also one of a DaemonSet, a static one, one that still pulls its
  images or is being deleted.
* A pod that Succeeded or Failed (an evicted one has) takes nothing; nor does one without a node.
* A pod whose node is not in the table counts once it is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import DEFAULT_POD_LIMIT_COUNT, GpuDevice, Node
from hydatis_core.quantities import parse_quantity
from hydatis_core.resources import Resources

from hydatis_serving.events import PodEvent
from hydatis_serving.kube.pod_json import PodJson, PodMetadata, PodSpec, Quantities
from hydatis_serving.kube.pod_resources import MAX_GPU_COUNT, GpuMeaning
from hydatis_serving.kube.pods import pod_of

__all__ = ["NodeSeen", "read_node", "read_pod"]

#: Labels that name the model of a node's GPUs: of the vendors' feature discovery, clouds and GPU sharing.
GPU_MODEL_LABELS = (
    "nvidia.com/gpu.product",
    "amd.com/gpu.product-name",
    "alibabacloud.com/gpu-card-model",
    "aliyun.accelerator/nvidia_name",
    "cloud.google.com/gke-accelerator",
)
_FINISHED = frozenset(("Succeeded", "Failed"))


class _Condition(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    type: str = ""
    status: str = ""
    last_transition_time: datetime | None = None


class _PodMetadata(PodMetadata, frozen=True, gc=False, rename="camel"):
    creation_timestamp: datetime | None = None


class _PodSpec(PodSpec, frozen=True, gc=False, rename="camel"):
    node_name: str | None = None


class _PodStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    phase: str = ""
    start_time: datetime | None = None
    conditions: list[_Condition] | None = None


class _Pod(PodJson, frozen=True, gc=False):
    metadata: _PodMetadata
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()


class _Address(msgspec.Struct, frozen=True, gc=False):
    address: str = ""


class _NodeMetadata(msgspec.Struct, frozen=True, gc=False):
    name: str
    labels: dict[str, str] | None = None


class _NodeStatus(msgspec.Struct, frozen=True, gc=False):
    allocatable: Quantities | None = None
    addresses: list[_Address] | None = None


class _Node(msgspec.Struct, frozen=True, gc=False):
    metadata: _NodeMetadata
    status: _NodeStatus = _NodeStatus()


_POD = msgspec.json.Decoder(_Pod)
_NODE = msgspec.json.Decoder(_Node)


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """A node as the API server has it."""

    name: str
    node: Node | None
    """None: it has nothing to give yet."""
    addresses: tuple[str, ...]
    """Host names and IP addresses it answers to, its own name first."""


def read_node(text: bytes | msgspec.Raw, gpu_resources: Mapping[str, GpuMeaning]) -> NodeSeen:
    """A node.

    Raises:
        InvalidValue: it is none, or an amount cannot be meant.
    """
    try:
        read = _NODE.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"it is not a node: {wrong}", field="object", expected="a Node as JSON") from None
    name = sys.intern(read.metadata.name)
    told = (one.address for one in read.status.addresses or ())
    addresses = tuple(dict.fromkeys((name, *filter(None, told))))
    given = read.status.allocatable or {}
    amounts = {
        resource: parse_quantity(given[resource], field=f"Node.status.allocatable.{resource}")
        for resource in ("cpu", "memory", "pods", *gpu_resources)
        if resource in given
    }
    if not (amounts.get("cpu") and amounts.get("memory")):
        return NodeSeen(name, None, addresses)
    count = _gpu_count(amounts, gpu_resources)
    labels = read.metadata.labels or {}
    model = next((labels[label] for label in GPU_MODEL_LABELS if labels.get(label)), "")
    node = Node(
        name,
        Resources(amounts["cpu"], amounts["memory"], count),
        int(amounts.get("pods", DEFAULT_POD_LIMIT_COUNT)),
        tuple(GpuDevice(index, sys.intern(model)) for index in range(count)),
    )
    return NodeSeen(name, node, addresses)


def read_pod(
    text: bytes | msgspec.Raw, gpu_resources: Mapping[str, GpuMeaning], now_seconds: float, *, deleted: bool = False
) -> PodEvent | None:
    """What a pod, as it is now, means: bound to its node, or ended. None: it is on no node and never was.

    A bind has the time that the pod's own status says, at most now; an end is now.

    Args:
        text: the pod.
        gpu_resources: what extended resources say of GPUs.
        now_seconds: the clock, Unix seconds.
        deleted: whether it is gone, whatever it says of itself.

    Raises:
        InvalidValue: it is none, or an amount cannot be meant.
    """
    try:
        read = _POD.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"it is not a pod: {wrong}", field="object", expected="a Pod as JSON") from None
    node_name = read.spec.node_name
    if deleted or read.status.phase in _FINISHED:
        return PodEvent.ended(read.metadata.uid, node_name or "", now_seconds)
    if not node_name:
        return None
    pod = pod_of(read, gpu_resources)
    pod = replace(pod, namespace=sys.intern(pod.namespace), workload=sys.intern(pod.workload))
    return PodEvent.bound(pod, sys.intern(node_name), min(_bind_time_seconds(read, now_seconds), now_seconds))


def _gpu_count(amounts: Mapping[str, float], gpu_resources: Mapping[str, GpuMeaning]) -> int:
    """Devices of a node. Two resources that say devices speak of the same ones."""
    most = max((amounts.get(name, 0.0) for name, meaning in gpu_resources.items() if meaning != "milli_per_device"), default=0.0)
    if most > MAX_GPU_COUNT:
        raise InvalidValue(f"{most:.0f} GPU devices", field="Node.status.allocatable", expected=f"0 to {MAX_GPU_COUNT}")
    return int(most)


def _bind_time_seconds(pod: _Pod, now_seconds: float) -> float:
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "True" and condition.last_transition_time:
            return max(condition.last_transition_time.timestamp(), 0.0)
    first_known = pod.status.start_time or pod.metadata.creation_timestamp
    return now_seconds if first_known is None else max(first_known.timestamp(), 0.0)
