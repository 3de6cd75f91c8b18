"""Keeps on every node what may be reclaimed of it: the capacity by which kube-scheduler holds the cap, whoever of us is alive.

A node that registers, is made anew by an autoscaler or changes its size is told again within a second. What pods resized in place
gave up is taken off, since a pod that runs cannot ask for it itself. When the policy is switched off, or its cap changes, pods keep
what they hold: kube-scheduler looks at it only when it places another one.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.logs import get_logger
from hydatis_sizing.node_cap import RECLAIMED_CPU, RECLAIMED_MEMORY, NodeCap, Reclaimed, cap_capacity
from hydatis_sizing.recommendation import Amounts

from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.objects import NodeObject, amounts_of
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics

__all__ = ["NodeCapKeeper", "advertised_by", "node_cap"]

_log = get_logger(__name__)
JSON_PATCH = "application/json-patch+json"


def advertised_by(node: NodeObject) -> Reclaimed | None:
    """What a node says now; None: nothing, or one half of it."""
    found = [
        (amounts.get(RECLAIMED_CPU), amounts.get(RECLAIMED_MEMORY))
        for amounts in (amounts_of(node.status.capacity), amounts_of(node.status.allocatable))
    ]
    (cpu, memory), allocatable = found
    if cpu is None or memory is None or allocatable != (cpu, memory):
        return None
    return Reclaimed(round(cpu), round(memory))


def node_cap(node: NodeObject, cap_ratio: float, cluster: ClusterState) -> NodeCap:
    """The account of a node."""
    allocatable = amounts_of(node.status.allocatable)
    amounts = Amounts(allocatable.get("cpu", math.nan), allocatable.get("memory", math.nan))
    account = cluster.accounts.of(node.metadata.name)
    return NodeCap(cap_capacity(amounts, cap_ratio), account.reclaimed, account.in_place)


class NodeCapKeeper:
    """The role that keeps them.

    Args:
        api: where nodes' statuses are patched.
        cluster: what is known.
        policy: with the cap.
        metrics: where it is counted.
        pause_seconds: between two looks.
        clock: monotonic seconds.
    """

    name = "node-cap"

    def __init__(
        self,
        api: KubernetesApi,
        cluster: ClusterState,
        policy: PolicyKeeper,
        metrics: RightSizerMetrics,
        pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._policy = policy
        self._metrics = metrics
        self._pause_seconds = pause_seconds
        self._clock = clock

    async def run(self) -> None:
        """Looks and patches until cancelled."""
        stopping = threading.Event()
        try:
            while True:
                if self._cluster.synced and self._policy.policy.mode != "off":
                    await asyncio.to_thread(self.round, stopping)
                await asyncio.sleep(self._pause_seconds)
        finally:
            stopping.set()

    def round(self, stopping: threading.Event) -> None:
        """Makes every node say what it should."""
        right = 0
        for node in self._cluster.nodes.all():
            if stopping.is_set():
                return
            wanted = node_cap(node, self._policy.policy.cap_ratio, self._cluster).advertised
            if "cpu" not in (node.status.allocatable or {}) or advertised_by(node) == wanted or self._patch(node, wanted):
                right += 1
        self._metrics.capped_nodes.set(right)

    def _patch(self, node: NodeObject, wanted: Reclaimed) -> bool:
        changes: list[dict[str, str]] = []
        if node.metadata.uid:  # a node of the same name that was made anew may be of another size
            changes.append({"op": "test", "path": "/metadata/uid", "value": node.metadata.uid})
        for field in ("capacity", "allocatable"):
            for resource, amount in ((RECLAIMED_CPU, wanted.cpu_milli), (RECLAIMED_MEMORY, wanted.memory_mib)):
                path = f"/status/{field}/{resource.replace('/', '~1')}"
                changes.append({"op": "add", "path": path, "value": str(amount)})
        try:
            reply = self._api.send("PATCH", f"/api/v1/nodes/{node.metadata.name}/status", json.dumps(changes).encode(), JSON_PATCH)
            done, why = reply.ok, reply.why if not reply.ok else ""
        except HydatisError as failure:
            done, why = False, str(failure)
        self._metrics.cap_changes.labels("done" if done else "failed").inc()
        if done:
            _log.info("a node's cap", node=node.metadata.name, cpu_milli=wanted.cpu_milli, memory_mib=wanted.memory_mib)
        else:
            _log.warning("a node's cap was not set", node=node.metadata.name, reason=why)
        return done
