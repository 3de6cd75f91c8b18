"""Tells the running stack what happens in the cluster: its nodes, their use as a test sets it, and every bind and end.

It stands where Prometheus and the watch of the API server stand, through the replay source of feature-service, so that a test says
itself how busy a node is. Event time goes on with each tick alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import httpx
import numpy as np
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.usage import METRICS
from kubernetes.utils.quantity import parse_quantity

from control_plane.api import Api, JsonObject

__all__ = ["ToldStack"]

PODS = "/api/v1/pods"
BOUND = "spec.nodeName!="
FIRST_SECONDS = 1_700_000_400
TICK_SECONDS = 60
#: Ticks that are told before a test begins, so that every window has something in it.
WARM_TICKS = 10


class ToldStack:
    """A stack that knows one fleet.

    Args:
        stack: it runs, and nobody else tells it anything.
        api: client of a user who may read nodes and pods.
        nodes: the fleet's nodes, as the API server has them.
    """

    def __init__(self, stack: Stack, api: Api, nodes: Iterable[JsonObject]) -> None:
        self._nodes = [_node(found) for found in nodes]
        self._rows = {node.name: row for row, node in enumerate(self._nodes)}
        self._lock = threading.Lock()
        self._told: dict[str, str] = {}
        self._stopping = False
        self._time = FIRST_SECONDS
        self._feed = StackFeed(stack.features_address, stack.extender_url, in_lock_step=False)
        self._feed.on_nodes(self._nodes, TICK_SECONDS, 15.0)
        self._api = Api(api.kubeconfig)
        version = self._list()
        self._thread = threading.Thread(target=self._follow, args=(version,), name="told-stack", daemon=True)
        self._thread.start()

    def use(self, cpu_ratio: Mapping[str, float], rest: float = 0.1, memory_ratio: float = 0.2, ticks: int = WARM_TICKS) -> None:
        """Ticks with steady use, and returns when every service has the last of them.

        Args:
            cpu_ratio: use of CPU by node name, 0..1 of what the node has.
            rest: the same of every other node.
            memory_ratio: use of memory of every node.
            ticks: how many ticks.
        """
        usage = np.full((len(self._nodes), len(METRICS)), np.nan, dtype=np.float32)
        for node, row in self._rows.items():
            size = self._nodes[row].allocatable
            usage[row, 0] = cpu_ratio.get(node, rest) * size.cpu_cores
            usage[row, 1] = memory_ratio * size.memory_bytes
        for _ in range(ticks):
            with self._lock:
                self._time += TICK_SECONDS
                self._feed.on_tick(self._time, self._time - 15.0, usage, [], np.zeros((0, 2), np.float32))

    def close(self) -> None:
        """Ends the telling."""
        self._stopping = True
        self._api.close()
        with self._lock:
            self._feed.close()

    def _list(self) -> str:
        """Tells of the pods that are bound; returns the version that a watch goes on from."""
        listed = self._api.get(PODS, fieldSelector=BOUND)
        for pod in listed["items"]:
            self._seen("ADDED", pod)
        return str(listed["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        while not self._stopping:
            try:
                for kind, pod in self._api.watch(PODS, version, fieldSelector=BOUND):
                    if kind == "ERROR":
                        break  # too old: list again
                    if kind != "BOOKMARK":
                        self._seen(kind, pod)
                version = self._list()
            except (httpx.HTTPError, RuntimeError, AssertionError):
                continue

    def _seen(self, kind: str, found: JsonObject) -> None:
        name, pod = found["spec"]["nodeName"], _pod(found)
        ended = kind == "DELETED" or found["status"].get("phase") in ("Succeeded", "Failed")
        with self._lock:
            if self._stopping or name not in self._rows:
                return
            if ended and self._told.pop(pod.uid, None) is not None:
                self._feed.on_end(pod.uid, name, float(self._time))
            elif not ended and pod.uid not in self._told:
                self._told[pod.uid] = name
                self._feed.on_bind(pod, name, float(self._time))


def _amounts(quantities: Mapping[str, str]) -> Resources:
    cpu, memory = (float(parse_quantity(quantities.get(resource, "0"))) for resource in ("cpu", "memory"))
    return Resources(cpu, memory)


def _node(found: JsonObject) -> Node:
    allocatable = found["status"]["allocatable"]
    return Node(found["metadata"]["name"], _amounts(allocatable), int(allocatable["pods"]))


def _pod(found: JsonObject) -> Pod:
    meta = found["metadata"]
    requests = [_amounts(container.get("resources", {}).get("requests", {})) for container in found["spec"]["containers"]]
    total = Resources(sum(each.cpu_cores for each in requests), sum(each.memory_bytes for each in requests))
    return Pod(meta["uid"], meta["name"], meta["namespace"], meta["labels"].get("app", "") if "labels" in meta else "", total)
