"""Pods that run, as whoever resizes them must see them: what they ask for, how a change of it goes, and how they fare since.

A resize is asked for by changing requests, and granted, put off or refused by the node's kubelet, which says so in conditions:
``PodResizePending`` (reason ``Deferred``: no room now, ``Infeasible``: never here) and ``PodResizeInProgress``. The conditions of
an earlier request stay until kubelet has looked at the newest, which ``observedGeneration`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_core.quantities import parse_quantity

from hydatis_serving.kube.pod_json import ContainerJson, PodJson, PodMetadata, PodSpec, Quantities, ResourcesJson

__all__ = [
    "ContainerStatusJson",
    "ResizeState",
    "RunningContainer",
    "RunningPod",
    "read_running_pod",
    "requests_of",
    "resize_state",
]

#: "settled": it has what it asks for. "under_way": kubelet has not said yet, or is at it. "deferred": its node has no room now.
#: "infeasible": the node never will have.
ResizeState = Literal["settled", "under_way", "deferred", "infeasible"]
RESOURCES = ("cpu", "memory")


class ResizeRule(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a container's owner wants to happen when a resource of it is resized."""

    resource_name: str = ""
    restart_policy: str = "NotRequired"


class RunningContainer(ContainerJson, frozen=True, gc=False, rename="camel"):
    """A container of the spec."""

    name: str = ""
    resize_policy: list[ResizeRule] | None = None

    def restarts_for(self, resource: str) -> bool:
        """Whether it is started anew when this resource is resized."""
        return any(
            rule.resource_name == resource and rule.restart_policy == "RestartContainer" for rule in self.resize_policy or ()
        )


class Terminated(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """How a container ended."""

    reason: str = ""
    finished_at: datetime | None = None


class ContainerState(msgspec.Struct, frozen=True, gc=False):
    """What a container does, or did before."""

    terminated: Terminated | None = None


class ContainerStatusJson(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What kubelet says of a container."""

    name: str = ""
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    resources: ResourcesJson | None = None


class Condition(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One condition of a pod."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class RunningMetadata(PodMetadata, frozen=True, gc=False, rename="camel"):
    """``metadata`` of a pod, as far as changing it needs."""

    resource_version: str = ""
    generation: int = 0
    annotations: dict[str, str] | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None


class RunningSpec(PodSpec, frozen=True, gc=False, rename="camel"):
    """``spec`` of a pod, with its containers' names."""

    containers: Sequence[RunningContainer] | None = None
    node_name: str = ""


class RunningStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``status`` of a pod."""

    phase: str = ""
    reason: str = ""
    qos_class: str = ""
    observed_generation: int = 0
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatusJson] | None = None


class RunningPod(PodJson, frozen=True, gc=False):
    """A pod on a node, or one that was."""

    metadata: RunningMetadata
    spec: RunningSpec = RunningSpec()
    status: RunningStatus = RunningStatus()

    @property
    def path(self) -> str:
        """Its path on the API server."""
        return f"/api/v1/namespaces/{self.metadata.namespace}/pods/{self.metadata.name}"

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return self.metadata.annotations or {}

    @property
    def containers(self) -> Sequence[RunningContainer]:
        """Its containers; init containers and sidecars are never resized by us."""
        return self.spec.containers or ()

    @property
    def runs(self) -> bool:
        """Whether it runs and is not being deleted."""
        return self.status.phase == "Running" and self.metadata.deletion_timestamp is None

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if it is true."""
        return next((one for one in self.status.conditions or () if one.type == kind and one.status == "True"), None)


_POD = msgspec.json.Decoder(RunningPod)


def read_running_pod(text: bytes | msgspec.Raw) -> RunningPod:
    """A pod.

    Raises:
        InvalidValue: it is none.
    """
    try:
        return _POD.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"it is not a pod: {wrong}", field="object", expected="a Pod as JSON") from None


def requests_of(resources: ResourcesJson | None) -> dict[str, float]:
    """CPU in cores and memory in bytes, each where it is requested.

    Raises:
        InvalidValue: an amount is not a quantity.
    """
    return _amounts(resources.requests if resources is not None else None)


def resize_state(pod: RunningPod) -> ResizeState:
    """How the newest change of a pod's requests goes.

    Raises:
        InvalidValue: an amount is not a quantity.
    """
    if pod.status.observed_generation and pod.status.observed_generation < pod.metadata.generation:
        return "under_way"  # the conditions speak of an earlier request
    pending = pod.condition("PodResizePending")
    if pending is not None:
        return "infeasible" if pending.reason == "Infeasible" else "deferred"
    if pod.condition("PodResizeInProgress") is not None:
        return "under_way"
    if not pod.status.observed_generation and not _has_what_it_asks_for(pod):
        return "under_way"  # kubelets before 1.34 do not say what they have seen
    return "settled"


def _has_what_it_asks_for(pod: RunningPod) -> bool:
    given = {status.name: status.resources for status in pod.status.container_statuses or ()}
    return all(
        given.get(container.name) is None or requests_of(given[container.name]) == requests_of(container.resources)
        for container in pod.containers
    )


def _amounts(quantities: Quantities | None) -> dict[str, float]:
    return {name: parse_quantity(quantities[name], field=name) for name in RESOURCES if quantities and name in quantities}
