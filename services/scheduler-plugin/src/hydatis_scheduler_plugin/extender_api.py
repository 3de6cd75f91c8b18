"""The JSON that kube-scheduler sends and expects, as types.

The extender types of Kubernetes carry no JSON tags: their keys are capitalised, an unset field is an explicit null, and what is
inside Pod and Node is the usual camelCase. Only what a placement needs is decoded; node names and whole nodes stay raw bytes,
so that what is kept goes back exactly as it came.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["ContainerJson", "ExtenderArgs", "HostPriority", "NodeHead", "NodeList", "PodJson", "ResourcesJson"]

#: The longest name that Kubernetes allows (a DNS subdomain).
Name = Annotated[str, msgspec.Meta(max_length=253)]
#: A quantity is a string; a plain number is accepted, as Kubernetes does.
Quantities = dict[str, str | int | float]


class ResourcesJson(msgspec.Struct, frozen=True, gc=False):
    """``resources`` of a container or pod."""

    requests: Quantities | None = None
    limits: Quantities | None = None


class ContainerJson(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A container, as far as its resources go."""

    resources: ResourcesJson | None = None
    restart_policy: str | None = None
    """"Always" makes an init container a sidecar, which runs as long as the pod does."""


class OwnerReference(msgspec.Struct, frozen=True, gc=False):
    """Who made the pod."""

    kind: Name = ""
    name: Name = ""
    controller: bool | None = None


class PodMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``metadata`` of a pod."""

    name: Name = ""
    namespace: Name = "default"
    uid: Name = ""
    labels: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None


class PodSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``spec`` of a pod."""

    containers: list[ContainerJson] | None = None
    init_containers: list[ContainerJson] | None = None
    overhead: Quantities | None = None
    resources: ResourcesJson | None = None
    """Pod-level resources: where set, they stand for the sum of the containers'."""
    priority: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    scheduler_name: Name | None = None


class PodJson(msgspec.Struct, frozen=True, gc=False):
    """A pod."""

    metadata: PodMetadata
    spec: PodSpec = PodSpec()


class NodeMetadata(msgspec.Struct, frozen=True, gc=False):
    """``metadata`` of a node: its name."""

    name: str


class NodeHead(msgspec.Struct, frozen=True, gc=False):
    """A node: its name. The rest of it stays in the raw bytes."""

    metadata: NodeMetadata


class NodeList(msgspec.Struct, frozen=True):
    """Whole nodes (nodeCacheCapable false), kept as they came."""

    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    items: list[msgspec.Raw] | None = None


class ExtenderArgs(msgspec.Struct, frozen=True):
    """Body of /filter and /prioritize. Exactly one of ``Nodes`` and ``NodeNames`` is set by kube-scheduler."""

    Pod: PodJson
    Nodes: NodeList | None = None
    NodeNames: msgspec.Raw = msgspec.Raw(b"null")


class HostPriority(msgspec.Struct, frozen=True, gc=False):
    """One entry of the answer to /prioritize."""

    Host: str
    Score: int
    """0..10, high = better."""
