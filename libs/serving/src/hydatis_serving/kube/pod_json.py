"""Pods as Kubernetes writes them in JSON, as far as placing them needs.

kube-scheduler sends the pod that it asks about and the API server the pods that run: both are decoded into the same types, so that
both are summed and named by the same rules. Whatever else stands in the JSON is passed over without being built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

__all__ = ["ContainerJson", "Name", "OwnerReference", "PodJson", "PodMetadata", "PodSpec", "Quantities", "ResourcesJson"]

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

    containers: Sequence[ContainerJson] | None = None
    init_containers: Sequence[ContainerJson] | None = None
    overhead: Quantities | None = None
    resources: ResourcesJson | None = None
    """Pod-level resources: where set, they stand for the sum of the containers'."""
    priority: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    scheduler_name: Name | None = None


class PodJson(msgspec.Struct, frozen=True, gc=False):
    """A pod."""

    metadata: PodMetadata
    spec: PodSpec = PodSpec()
