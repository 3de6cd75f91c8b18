"""What running pods should ask for now, of every workload that there is advice for, and the account of every node."""

from __future__ import annotations

import math

import msgspec
from hydatis_core.errors import HydatisError
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION, original_requests
from hydatis_serving.kube.running_pods import RunningPod
from hydatis_sizing.node_cap import NodeCap
from hydatis_sizing.recommendation import Amounts
from hydatis_sizing.untouched import Untouched

from hydatis_right_sizer.cluster_state import RIGHT_SIZE, ClusterState, Workload
from hydatis_right_sizer.eligibility import owned_by
from hydatis_right_sizer.node_cap_keeper import advertised_by, node_cap
from hydatis_right_sizer.policy import RightSizingPolicy
from hydatis_right_sizer.resize_plan import Wanted
from hydatis_right_sizer.resize_record import parsed
from hydatis_right_sizer.target import target_of

__all__ = ["GIVEN_BACK", "may_resize", "node_caps", "owners_requests", "requested_by_owners", "wanted_by_workload"]

#: Of the reasons to leave a resource alone those that are reasons against what was done to it before, too.
GIVEN_BACK = frozenset({"forbidden", "vertical-autoscaler", "horizontal-autoscaler"})
KEEP = math.nan


def may_resize(namespace: str, policy: RightSizingPolicy, cluster: ClusterState) -> bool:
    """Whether running pods of a namespace may be resized."""
    asked = policy.mode == "apply" and policy.resize.enabled and cluster.mode_of(namespace) == "apply"
    return asked and policy.allows(namespace)


def wanted_by_workload(policy: RightSizingPolicy, cluster: ClusterState, now_seconds: float) -> dict[Workload, list[Wanted]]:
    """All pods of the workloads that may be resized, with what each should ask for; not of those in quarantine."""
    found: dict[Workload, list[Wanted]] = {}
    judge = _Judge(policy, cluster, now_seconds)
    for advice in cluster.advice.all():
        workload = (advice.namespace, advice.workload)
        resting = now_seconds < advice.quarantined_until_seconds
        if workload in found or resting or not may_resize(advice.namespace, policy, cluster):
            continue
        found[workload] = [judge.wanted(workload, pod) for pod in cluster.pods_of(workload)]
    return found


def owners_requests(pod: RunningPod) -> dict[str, Amounts]:
    """What the owner asked for, by container.

    Raises:
        InvalidValue: an amount, or the annotation, cannot be meant.
    """
    kept = parsed(original_requests(pod) or {})
    known = {name: Amounts(one.get("cpu", math.nan), one.get("memory", math.nan)) for name, one in kept.items()}
    return {name: known.get(name, asked) for name, asked in owned_by(pod).items()}


def requested_by_owners(cluster: ClusterState) -> Amounts:
    """Sum over the cluster's pods: what they ask for and what they gave up."""
    taken = cluster.accounts.by_node.values()
    milli = sum(one.reclaimed.cpu_milli + one.in_place.cpu_milli for one in taken)
    mebibytes = sum(one.reclaimed.memory_mib + one.in_place.memory_mib for one in taken)
    return Amounts(
        math.fsum(one.cpu_cores for one in taken) + milli / 1000.0,
        math.fsum(one.memory_bytes for one in taken) + mebibytes * 2.0**20,
    )


def node_caps(policy: RightSizingPolicy, cluster: ClusterState) -> dict[str, NodeCap]:
    """Account of each node that advertises what may be reclaimed of it."""
    nodes = [node for node in cluster.nodes.all() if advertised_by(node) is not None]
    return {node.metadata.name: node_cap(node, policy.cap_ratio, cluster) for node in nodes}


class _Judge:
    """What pods should ask for; like pods of a workload are judged once.

    Args:
        policy: in force.
        cluster: what is known.
        now_seconds: Unix seconds.
    """

    def __init__(self, policy: RightSizingPolicy, cluster: ClusterState, now_seconds: float) -> None:
        self._policy = policy
        self._cluster = cluster
        self._now_seconds = now_seconds
        self._known: dict[object, dict[str, Amounts]] = {}

    def wanted(self, workload: Workload, pod: RunningPod) -> Wanted:
        """One pod with what it should ask for."""
        owner = [one.kind for one in pod.metadata.owner_references or ()]
        notes = [pod.annotations.get(name) for name in (ORIGINAL_ANNOTATION, RIGHT_SIZE)]
        alike = workload, msgspec.json.encode((pod.spec.containers, pod.spec.init_containers, owner, notes))
        if alike not in self._known:
            self._known[alike] = self._judged(pod)
        return Wanted(pod, self._known[alike])

    def _judged(self, pod: RunningPod) -> dict[str, Amounts]:
        try:
            owned = owners_requests(pod)
            target = target_of(pod, owned, self._policy, self._cluster, self._now_seconds)
        except HydatisError:
            return {}
        if target.is_report_only or not target.is_in_force:
            return {}
        return {name: _judged(target.requests[name], owned[name], spared) for name, spared in target.spared.items()}


def _judged(target: Amounts, owned: Amounts, spared: Untouched) -> Amounts:
    def of(code: str, amount: float, original: float) -> float:
        return amount if not code else original if code in GIVEN_BACK else KEEP

    return Amounts(of(spared.cpu, target.cpu_cores, owned.cpu_cores), of(spared.memory, target.memory_bytes, owned.memory_bytes))
