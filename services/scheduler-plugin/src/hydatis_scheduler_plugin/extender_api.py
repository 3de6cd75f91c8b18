"""The JSON that kube-scheduler sends and expects, as types.

The extender types of Kubernetes carry no JSON tags: their keys are capitalised, an unset field is an explicit null, and what is
inside Pod and Node is the usual camelCase. Only what a placement needs is decoded; node names and whole nodes stay raw bytes,
so that what is kept goes back exactly as it came.
"""

from __future__ import annotations

import msgspec
from hydatis_serving.kube.pod_json import PodJson

__all__ = ["ExtenderArgs", "HostPriority", "NodeHead", "NodeList"]


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
