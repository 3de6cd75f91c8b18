"""Who is left alone and why: facts about a pod and its workload, for the one table of reasons (``hydatis_sizing.untouched``).

The webhook asks before a pod is, the resizer while it runs; both get the same answer of the same facts. A few reasons are about how
right-sizing is done and not about advice, and come before the table: ``NOT_OURS``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from hydatis_serving.kube.pods import workload_of
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.running_pods import RunningPod, requests_of
from hydatis_serving.kube.size_recommendations import SizeRecommendation
from hydatis_sizing.recommendation import Amounts
from hydatis_sizing.untouched import Facts, Rules, Untouched, untouched

from hydatis_right_sizer.cluster_state import RIGHT_SIZE, ClusterState, Workload
from hydatis_right_sizer.objects import amounts_of
from hydatis_right_sizer.policy import RightSizingPolicy

__all__ = ["NOT_OURS", "facts_of", "is_guaranteed", "not_ours", "owned_by", "rules_of", "untouched_containers", "workload_facts"]

#: Code -> what a reader is told.
NOT_OURS: dict[str, str] = {
    "no-workload": "nobody made it: a bare pod, without the label hydatis.io/workload",
    "already": "it carries the annotation of a pod that was sized before",
    "pod-resources": "it has resources of the pod as a whole",
}
SECONDS_PER_DAY = 86_400.0
_MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
_SIZED = ("cpu", "memory")


def not_ours(pod: RunningPod) -> str:
    """The first of ``NOT_OURS`` that holds; empty: none."""
    holds = {
        "no-workload": not workload_of(pod),
        "already": ORIGINAL_ANNOTATION in pod.annotations,
        "pod-resources": pod.spec.resources is not None,
    }
    return next((code for code in NOT_OURS if holds[code]), "")


def is_guaranteed(pod: RunningPod) -> bool:
    """Whether every container asks for exactly its limits, of CPU and memory."""
    containers = [*pod.containers, *(pod.spec.init_containers or ())]
    for container in containers:
        resources = container.resources
        limits = amounts_of(resources.limits if resources else None)
        requests = {**limits, **amounts_of(resources.requests if resources else None)}
        if any(name not in limits or requests[name] != limits[name] for name in _SIZED):
            return False
    return bool(containers)


def rules_of(policy: RightSizingPolicy) -> Rules:
    """The policy's bounds of what is believed."""
    return Rules(policy.history_days, policy.stale_days, policy.most_growth_ratio)


def workload_facts(workload: Workload, advice: SizeRecommendation | None, cluster: ClusterState, now_seconds: float) -> Facts:
    """What is known of a workload, without its pods and without what differs by container."""
    nothing = Amounts(math.nan, math.nan)
    return Facts(
        owned=nothing,
        advised=nothing,
        history_days=min((one.history_days for one in advice.containers), default=0.0) if advice else 0.0,
        age_days=_age_days(advice, now_seconds),
        has_vertical_autoscaler=cluster.has_vertical_autoscaler(workload),
        scaled_on=cluster.scaled_on(workload),
        is_quarantined=advice is not None and now_seconds < advice.quarantined_until_seconds,
        is_report_only=advice is not None and advice.mode == "Report",
    )


def facts_of(pod: RunningPod, advice: SizeRecommendation | None, cluster: ClusterState, now_seconds: float) -> Facts:
    """What is known of a pod and its workload, without what differs by container."""
    workload = (pod.metadata.namespace, workload_of(pod))
    said = pod.annotations.get(RIGHT_SIZE, "")
    return replace(
        workload_facts(workload, advice, cluster, now_seconds),
        is_forbidden=said == "off",
        is_static=_MIRROR_ANNOTATION in pod.annotations or workload[1].startswith("Static/"),
        is_daemon_set=any(owner.kind == "DaemonSet" for owner in pod.metadata.owner_references or ()),
        is_asked_for=said == "on",
        is_guaranteed=is_guaranteed(pod),
    )


def owned_by(pod: RunningPod) -> dict[str, Amounts]:
    """What each container asks for as it stands, NaN where nothing.

    Raises:
        InvalidValue: an amount is no quantity.
    """
    asked = {container.name: requests_of(container.resources) for container in pod.containers}
    return {name: Amounts(one.get("cpu", math.nan), one.get("memory", math.nan)) for name, one in asked.items()}


def untouched_containers(
    owned: Mapping[str, Amounts], advice: SizeRecommendation | None, facts: Facts, rules: Rules
) -> dict[str, Untouched]:
    """Why each container of a pod is left alone, by resource.

    Args:
        owned: the owner's requests by container.
        advice: for the workload.
        facts: ``facts_of`` it.
        rules: ``rules_of`` the policy.
    """
    found: dict[str, Untouched] = {}
    for name, requests in owned.items():
        one = advice.by_container.get(name) if advice is not None else None
        advised = one.requests if one is not None else Amounts(math.nan, math.nan)
        judged = untouched(replace(facts, owned=requests, advised=advised), rules)
        # what whoever made the advice said of it weighs as much as what we see
        found[name] = Untouched(judged.cpu or one.untouched, judged.memory or one.untouched) if one is not None else judged
    return found


def _age_days(advice: SizeRecommendation | None, now_seconds: float) -> float:
    if advice is None:
        return math.inf
    made = min((one.made_at_seconds for one in advice.containers), default=-math.inf)
    return max((now_seconds - made) / SECONDS_PER_DAY, 0.0)
