"""The kubelets of nodes that are objects only: bound pods become Running or are refused, deleted ones go, resized ones are resized.

What a kubelet decides by itself is what two schedulers race for: a pod that no longer fits fails with OutOfcpu, OutOfmemory or
OutOfpods, and is not tried again. That is why these are not KWOK's, which take every pod. A resize is theirs to decide, too:
granted, Deferred while others take the room, Infeasible where the node is too small, or where a test says so.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import httpx
from kubernetes.utils.quantity import parse_quantity

from control_plane.api import STRATEGIC_PATCH, Api, JsonObject
from control_plane.manifests import NODE_LABEL

__all__ = ["Kubelets"]

PODS = "/api/v1/pods"
BOUND = "spec.nodeName!="


class Kubelets:
    """Stands for the kubelets of all nodes of the tests, in one thread. A node's size is read once: a new size needs a new name.

    Args:
        kubeconfig: of a user who may change the status of pods.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._api = Api(kubeconfig)
        self._allocatable: dict[str, dict[str, Decimal]] = {}
        self._taken: dict[str, dict[str, dict[str, Decimal]]] = defaultdict(dict)
        self._deferred: dict[str, dict[str, JsonObject]] = defaultdict(dict)
        self._stopping = False
        self.refused: list[tuple[str, str]] = []
        """(pod UID, reason) of every pod that did not fit."""
        self.never_resize: set[str] = set()
        """Nodes that say Infeasible of every resize, as those of a static CPU policy or with swap do."""
        self._thread = threading.Thread(target=self._run, name="kubelets", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the work; the thread itself ends with its watch."""
        self._stopping = True
        self._api.close()

    def _run(self) -> None:
        while not self._stopping:
            try:
                listed = self._api.get(PODS, fieldSelector=BOUND)
                for pod in listed["items"]:
                    self._seen(pod)
                for kind, pod in self._api.watch(PODS, listed["metadata"]["resourceVersion"], fieldSelector=BOUND):
                    if kind in ("ADDED", "MODIFIED"):
                        self._seen(pod)
                    elif kind == "DELETED":
                        self._gone(pod["spec"]["nodeName"], pod["metadata"]["uid"])
                    elif kind == "ERROR":
                        break  # too old: list again
            except (httpx.HTTPError, RuntimeError, AssertionError):
                if not self._stopping:
                    continue

    def _seen(self, pod: JsonObject) -> None:
        name, uid = pod["spec"]["nodeName"], pod["metadata"]["uid"]
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        if "deletionTimestamp" in pod["metadata"]:
            self._taken[name].pop(uid, None)
            self._api.delete(path, grace_seconds=0)
        elif pod["status"].get("phase") == "Pending" and uid not in self._taken[name] and self._is_ours(name):
            self._api.patch(f"{path}/status", {"status": self._admitted(name, uid, pod)}, STRATEGIC_PATCH)
        elif pod["status"].get("observedGeneration", pod["metadata"]["generation"]) < pod["metadata"]["generation"]:
            self._api.patch(f"{path}/status", {"status": self._resized(name, uid, pod)}, STRATEGIC_PATCH)

    def _gone(self, name: str, uid: str) -> None:
        """Takes a pod's end; whoever waited for room is looked at again."""
        self._taken[name].pop(uid, None)
        self._deferred[name].pop(uid, None)
        for waiting in list(self._deferred[name].values()):
            path = f"/api/v1/namespaces/{waiting['metadata']['namespace']}/pods/{waiting['metadata']['name']}/status"
            status = self._resized(name, waiting["metadata"]["uid"], waiting)
            self._api.patch(path, {"status": status}, STRATEGIC_PATCH)

    def _is_ours(self, name: str) -> bool:
        if name not in self._allocatable:
            found = self._api.get(f"/api/v1/nodes/{name}")
            amounts = found["status"]["allocatable"] if NODE_LABEL in found["metadata"]["labels"] else {}
            self._allocatable[name] = {resource: parse_quantity(amount) for resource, amount in amounts.items()}
        return bool(self._allocatable[name])

    def _admitted(self, name: str, uid: str, pod: JsonObject) -> JsonObject:
        """The status by which a kubelet takes or refuses a pod."""
        asked = _requests(pod)
        resource = self._too_little_of(name, uid, asked)
        if resource:
            reason = f"OutOf{resource}"
            self.refused.append((uid, reason))
            return {"phase": "Failed", "reason": reason, "message": f"Node didn't have enough resource: {resource}"}
        self._taken[name][uid] = asked
        ready = [{"type": kind, "status": "True"} for kind in ("Initialized", "ContainersReady", "Ready")]
        return {"phase": "Running", "conditions": ready, "observedGeneration": pod["metadata"]["generation"]}

    def _resized(self, name: str, uid: str, pod: JsonObject) -> JsonObject:
        """The status by which a kubelet grants a resize, puts it off or refuses it."""
        asked, there = _requests(pod), self._allocatable[name]
        reason = ""
        self._deferred[name].pop(uid, None)
        if name in self.never_resize or any(asked[resource] > there[resource] for resource in ("cpu", "memory")):
            reason = "Infeasible"
        elif self._too_little_of(name, uid, asked):
            reason = "Deferred"
            self._deferred[name][uid] = pod
        else:
            self._taken[name][uid] = asked
        pending = {"status": "True", "reason": reason, "message": "of the tests"} if reason else {"$patch": "delete"}
        return {
            "conditions": [{"type": "PodResizePending"} | pending],
            "observedGeneration": pod["metadata"]["generation"],
        }

    def _too_little_of(self, name: str, uid: str, asked: dict[str, Decimal]) -> str:
        """A resource of which the others on a node leave too little; empty: none."""
        others = [taken for pod, taken in self._taken[name].items() if pod != uid]
        for resource, limit in self._allocatable[name].items():
            used = sum((taken.get(resource, Decimal(0)) for taken in others), Decimal(0))
            if resource in asked and used + asked[resource] > limit:
                return resource
        return ""


def _requests(pod: JsonObject) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(Decimal, {"pods": Decimal(1)})
    for container in pod["spec"]["containers"]:
        for resource, quantity in container.get("resources", {}).get("requests", {}).items():
            total[resource] += parse_quantity(quantity)
    return total
