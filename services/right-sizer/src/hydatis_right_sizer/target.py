"""What a pod's containers should ask for now: advice, no lower than what is in force, within every bound.

The webhook asks it of a pod that is about to be made, the resizer of one that runs: a pod made now and its elder sibling that is
resized come to ask for the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hydatis_serving.kube.pods import workload_of
from hydatis_serving.kube.running_pods import RunningPod
from hydatis_serving.kube.size_recommendations import SizeRecommendation
from hydatis_sizing.bounds import Bounds, ContainerRequest, bounded_pod, shrink_floor
from hydatis_sizing.recommendation import Amounts
from hydatis_sizing.untouched import Untouched

from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.eligibility import facts_of, rules_of, untouched_containers
from hydatis_right_sizer.limit_ranges import limits_of, pod_limit, range_of
from hydatis_right_sizer.policy import RightSizingPolicy

__all__ = ["Target", "target_of"]

MIB = 2.0**20
_RESOURCES = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Target:
    """What one pod should ask for."""

    requests: Mapping[str, Amounts]
    """By container; the owner's where it is left alone, NaN where the owner set none."""
    spared: Mapping[str, Untouched]
    """By container: why a resource of it is left alone."""
    clamped: Counter[str]
    """How often each of ``hydatis_sizing.bounds.CAUSES`` kept a request above what is advised."""
    is_in_force: bool
    """False: no level is in force yet, and these are what the first step would make."""
    is_report_only: bool
    """Whether its own recommendation asks for a report alone."""

    @property
    def reason(self) -> str:
        """Why nothing of the pod may be touched; empty: something may."""
        whole = [one.whole for one in self.spared.values()]
        if any(code in ("", "report-only") for code in whole):
            return ""
        return next(iter(whole), "no-request")


def target_of(
    pod: RunningPod, owned: Mapping[str, Amounts], policy: RightSizingPolicy, cluster: ClusterState, now_seconds: float
) -> Target:
    """Of one pod.

    Args:
        pod: it, its namespace set.
        owned: what its owner asked for, by container: of a pod that was sized before, what its annotation says.
        policy: in force.
        cluster: what is known.
        now_seconds: Unix seconds.
    """
    advice = cluster.advice_for((pod.metadata.namespace, workload_of(pod)))
    facts = facts_of(pod, advice, cluster, now_seconds)
    spared = untouched_containers(owned, advice, facts, rules_of(policy))
    requests, clamped = _sized(pod, owned, spared, advice, policy, cluster)
    in_force = advice is not None and advice.in_force is not None
    return Target(requests, spared, clamped, in_force, facts.is_report_only)


def _sized(
    pod: RunningPod,
    owned: Mapping[str, Amounts],
    spared: Mapping[str, Untouched],
    advice: SizeRecommendation | None,
    policy: RightSizingPolicy,
    cluster: ClusterState,
) -> tuple[dict[str, Amounts], Counter[str]]:
    """Requests within bounds, and which bounds held."""
    floors = (policy.floor_cpu_cores, policy.floor_memory_mib * MIB)
    ranges = cluster.limit_ranges_of(pod.metadata.namespace)
    columns: list[list[float]] = []
    causes: Counter[str] = Counter()
    for index, resource in enumerate(_RESOURCES):
        containers = []
        for container in pod.containers:
            own = _pair(owned[container.name])[index]
            code = (spared[container.name].cpu, spared[container.name].memory)[index]
            containers.append(
                ContainerRequest(
                    owned=own,
                    advised=math.nan if code not in ("", "report-only") else _advised(advice, container.name, index),
                    limit=limits_of(container)[index],
                    least=_least(advice, container.name, index, own, policy),
                )
            )
        requests, held = bounded_pod(
            containers,
            Bounds(floors[index], policy.most_shrink_per_day, policy.most_growth_ratio),
            of_container=range_of(ranges, "Container", resource),
            of_pod=range_of(ranges, "Pod", resource),
            pod_limit=pod_limit(pod, index),
        )
        columns.append(requests)
        causes += held
    names = [container.name for container in pod.containers]
    return {name: Amounts(*row) for name, row in zip(names, zip(*columns, strict=True), strict=True)}, causes


def _advised(advice: SizeRecommendation | None, container: str, index: int) -> float:
    one = advice.by_container.get(container) if advice is not None else None
    return _pair(one.requests)[index] if one is not None else math.nan


def _least(advice: SizeRecommendation | None, container: str, index: int, owned: float, policy: RightSizingPolicy) -> float:
    """How low a request may be set now. What is not in force yet is reported as its first step would be."""
    in_force = advice.in_force if advice is not None else None
    if in_force is None:
        return shrink_floor(owned, 1.0, policy.most_shrink_per_day) if owned > 0 else 0.0
    level = _pair(in_force.requests(container))[index]
    return owned if math.isnan(level) and owned > 0 else _or_zero(level)


def _pair(amounts: Amounts) -> tuple[float, float]:
    return amounts.cpu_cores, amounts.memory_bytes


def _or_zero(amount: float) -> float:
    return 0.0 if math.isnan(amount) else amount
