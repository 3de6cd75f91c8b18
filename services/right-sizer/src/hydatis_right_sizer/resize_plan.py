"""Which running pods are resized now, and to what: pure, from what is known of the cluster at one moment.

Slowly, and so that stopping anywhere is safe: of each workload a few pods at a time, the next ones when nothing happened to those;
on no node more than its cap; of the whole cluster no more within a while than a stated share of what it requests. Nothing is
remembered between two plans: what was done stands on the pods.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hydatis_core.errors import HydatisError
from hydatis_core.quantities import cpu_quantity, memory_quantity, parse_quantity
from hydatis_serving.kube.resizing import ContainerRequests, original_requests
from hydatis_serving.kube.running_pods import RunningPod, resize_state
from hydatis_sizing.blast_radius import BlastRadius
from hydatis_sizing.node_cap import NodeCap, Reclaimed
from hydatis_sizing.recommendation import Amounts

from hydatis_right_sizer.policy import ResizePolicy
from hydatis_right_sizer.resize_record import Requests, given_up, is_announced, parsed, record_of, requests_now

__all__ = ["HELD", "Change", "Plan", "Wanted", "blast_radius", "change_of", "is_observed", "plan"]

#: Why a pod is not resized now, though it should ask for something else.
HELD: dict[str, str] = {
    "observing": "pods of its workload that were resized before are still watched for trouble",
    "node-cap": "its node carries as much as its cap allows",
    "blast-radius": "enough was taken from the cluster within the policy's window",
}
#: A request that would change by less than this share stays: each resize is a risk and a write for little.
LEAST_CHANGE_RATIO = 0.05
#: Amounts as quantities: thousandths of cores, and bytes.
WRITTEN = {"cpu": cpu_quantity, "memory": memory_quantity}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pod and what it should ask for."""

    pod: RunningPod
    requests: Mapping[str, Amounts]
    """By container, within all bounds; NaN: keep what is there. A container that is missing keeps all."""


@dataclass(frozen=True, slots=True)
class Change:
    """A resize to ask for."""

    pod: RunningPod
    requests: ContainerRequests
    """What changes: quantities by resource by container."""
    taken: Amounts
    """What the pod gives up by it, each >= 0; what it gets back counts as 0."""
    more: Reclaimed
    """By how much less its node may advertise."""

    @property
    def gives_back(self) -> bool:
        """Whether nothing is taken."""
        return self.more == Reclaimed() and not (self.taken.cpu_cores or self.taken.memory_bytes)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now."""

    changes: tuple[Change, ...]
    held: Counter[str]
    """Pods that have to wait, by a code of ``HELD``."""


def plan(
    workloads: Sequence[Sequence[Wanted]],
    caps: Mapping[str, NodeCap],
    blast: BlastRadius,
    requested: Amounts,
    policy: ResizePolicy,
    now_seconds: float,
) -> Plan:
    """The next wave of every workload.

    Args:
        workloads: of each workload all pods that have not finished, those that stay as they are included.
        caps: account of each node; a pod on a node without one is left alone.
        blast: what was taken already.
        requested: by the cluster's pods, as their owners wrote it.
        policy: how slowly.
        now_seconds: Unix seconds.
    """
    accounts = dict(caps)
    changes: list[Change] = []
    held: Counter[str] = Counter()
    waves = [_wave(pods, policy, now_seconds, held) for pods in workloads]
    # Of the workloads that have most to give each gets its turn first, whatever the order they came in.
    for change in sorted((change for wave in waves for change in wave), key=lambda one: -one.taken.cpu_cores):
        node = change.pod.spec.node_name
        if change.gives_back:  # whatever the bounds are, they bound what is taken
            changes.append(change)
        elif node not in accounts or not accounts[node].takes_in_place(change.more):
            held["node-cap"] += 1
        elif not blast.take(change.taken, requested, now_seconds):
            held["blast-radius"] += 1
        else:
            accounts[node] = replace(accounts[node], in_place=accounts[node].in_place + change.more)
            changes.append(change)
    return Plan(tuple(changes), held)


def blast_radius(pods: Iterable[RunningPod], share_ratio: float, window_seconds: float, now_seconds: float) -> BlastRadius:
    """What was taken from running pods within the window, as their records say.

    Args:
        pods: all of the cluster.
        share_ratio: of the cluster's requests that may be taken within the window.
        window_seconds: the window.
        now_seconds: Unix seconds.
    """
    blast = BlastRadius(share_ratio, window_seconds)
    everything = Amounts(math.inf, math.inf)
    records = [record for record in map(record_of, pods) if record is not None]
    for record in sorted(records, key=lambda one: one.at_seconds):
        if now_seconds - window_seconds < record.at_seconds <= now_seconds:
            blast.take(record.taken_amounts, everything, record.at_seconds)
    blast.refused_count = 0
    return blast


def change_of(wanted: Wanted) -> Change | None:
    """What to ask for, if anything may be: not of a pod that does not run, that is being deleted, or whose resize is not finished;
    not of one that would be restarted for it; nothing above what the owner asked for.
    """
    pod = wanted.pod
    try:
        if not _may_be_resized(pod):
            return None
        now = requests_now(pod)
        was = original_requests(pod) or {name: _quantities(asked) for name, asked in now.items()}
        requests = _changed(wanted, now, was)
        if not requests:
            return None
        then = {name: {**asked, **parsed(requests).get(name, {})} for name, asked in now.items()}
        more = given_up(was, then, pod).less(given_up(was, now, pod))
    except HydatisError:  # amounts or an annotation that cannot be meant
        return None
    taken = {one: max(_sum(now, one) - _sum(then, one), 0.0) for one in ("cpu", "memory")}
    return Change(pod, requests, Amounts(taken["cpu"], taken["memory"]), more)


def is_observed(pod: RunningPod, policy: ResizePolicy, now_seconds: float) -> bool:
    """Whether its resize is announced, under way, or too short ago to know that all is well."""
    record = record_of(pod)
    if record is None or record.reason:
        return False
    try:
        done = resize_state(pod) == "settled" and not is_announced(pod, record)
        return not done or now_seconds - record.at_seconds < policy.observation_seconds
    except HydatisError:
        return True


def _wave(pods: Sequence[Wanted], policy: ResizePolicy, now_seconds: float, held: Counter[str]) -> list[Change]:
    changes = [change for change in map(change_of, pods) if change is not None]
    most = max(math.floor(policy.share_ratio * len(pods)), 1)
    room = max(most - sum(is_observed(one.pod, policy, now_seconds) for one in pods), 0)
    fresh = [change for change in changes if not is_observed(change.pod, policy, now_seconds)]
    fresh.sort(key=lambda change: change.pod.metadata.uid)
    held["observing"] += len(changes) - min(room, len(fresh))
    return fresh[:room]


def _may_be_resized(pod: RunningPod) -> bool:
    """What the API server would refuse, and what is not our affair."""
    return (
        pod.runs
        and bool(pod.spec.node_name)
        and pod.status.qos_class == "Burstable"  # Guaranteed would become Burstable, BestEffort requests nothing
        and pod.spec.resources is None
        and resize_state(pod) == "settled"
    )


def _changed(wanted: Wanted, now: Requests, was: ContainerRequests) -> ContainerRequests:
    changed: dict[str, dict[str, str]] = {}
    for container in wanted.pod.containers:
        advised = wanted.requests.get(container.name)
        amounts = {"cpu": advised.cpu_cores, "memory": advised.memory_bytes} if advised is not None else {}
        for resource, asked in now[container.name].items():
            amount, most = amounts.get(resource, math.nan), was.get(container.name, {}).get(resource)
            matters = asked > 0 and abs(amount - asked) > LEAST_CHANGE_RATIO * asked
            if not matters or container.restarts_for(resource) or most is None:
                continue
            told = most if amount >= parse_quantity(most) else _quantities({resource: amount})[resource]
            changed.setdefault(container.name, {})[resource] = told
    return changed


def _quantities(amounts: Mapping[str, float]) -> dict[str, str]:
    return {resource: WRITTEN[resource](amount) for resource, amount in amounts.items()}


def _sum(requests: Requests, resource: str) -> float:
    return math.fsum(amounts.get(resource, 0.0) for amounts in requests.values())
