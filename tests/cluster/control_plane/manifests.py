"""Manifests of the objects that tests make: nodes that nothing runs behind, and pods that ask for a little of them."""

from __future__ import annotations

from typing import Any

from control_plane.api import JsonObject

__all__ = ["NODE_LABEL", "node", "pod"]

#: On every node of the tests, and selected by every pod of theirs: on a shared cluster they meet nobody else's.
NODE_LABEL = "hydatis.io/test-node"
ZONE_LABEL = "topology.kubernetes.io/zone"
HOSTNAME_LABEL = "kubernetes.io/hostname"


def node(
    name: str,
    *,
    cpu: str = "32",
    memory: str = "128Gi",
    pods: int = 110,
    zone: str = "z0",
    labels: dict[str, str] | None = None,
    extended: dict[str, str] | None = None,
    taints: list[JsonObject] | None = None,
) -> JsonObject:
    """A node that says it is ready.

    Args:
        name: unique in the cluster.
        cpu: allocatable CPU.
        memory: allocatable memory.
        pods: pods that it takes at most.
        zone: value of the zone label.
        labels: further labels.
        extended: further resources, such as GPUs.
        taints: as in the node's spec.
    """
    resources = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "100Gi"} | (extended or {})
    known = {NODE_LABEL: "true", ZONE_LABEL: zone, HOSTNAME_LABEL: name, "kubernetes.io/os": "linux"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": known | (labels or {})},
        "spec": {"taints": taints or []},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "of the tests"}],
            "nodeInfo": dict.fromkeys(
                (
                    "machineID",
                    "systemUUID",
                    "bootID",
                    "kernelVersion",
                    "osImage",
                    "containerRuntimeVersion",
                    "kubeletVersion",
                    "kubeProxyVersion",
                ),
                "test",
            )
            | {"operatingSystem": "linux", "architecture": "amd64"},
        },
    }


def pod(
    name: str,
    *,
    scheduler: str,
    cpu: str = "500m",
    memory: str = "1Gi",
    labels: dict[str, str] | None = None,
    extended: dict[str, str] | None = None,
    selector: dict[str, str] | None = None,
    **spec: Any,
) -> JsonObject:
    """A pod that the strictest PodSecurity level takes.

    Args:
        name: unique in its namespace.
        scheduler: the schedulerName.
        cpu: requested CPU.
        memory: requested memory.
        labels: the pod's labels.
        extended: further resources, requested and limited.
        selector: node labels it needs besides those of the tests' nodes.
        spec: further fields of the pod's spec, in the API's spelling.
    """
    container = {
        "name": "main",
        "image": "registry.k8s.io/pause:3.10",
        "resources": {"requests": {"cpu": cpu, "memory": memory} | (extended or {}), "limits": extended or {}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "schedulerName": scheduler,
            "nodeSelector": {NODE_LABEL: "true"} | (selector or {}),
            "containers": [container],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "terminationGracePeriodSeconds": 0,
        }
        | spec,
    }
