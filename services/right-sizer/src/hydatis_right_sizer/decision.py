"""What is done to one pod that is about to be made: a pure function of the pod, the policy and what is known of the cluster.

The first row that holds decides that a pod is left alone; else its requests become what ``target`` says. Nothing here rejects a
pod: there is no such answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hydatis_serving.kube.running_pods import RunningPod
from hydatis_sizing.node_cap import Reclaimed, excess
from hydatis_sizing.recommendation import Amounts

from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.eligibility import not_ours, owned_by
from hydatis_right_sizer.policy import RightSizingPolicy
from hydatis_right_sizer.room import has_room
from hydatis_right_sizer.target import Target, target_of

__all__ = ["REASONS", "Decision", "Outcome", "decide"]

Outcome = Literal["sized", "reported", "left"]
#: Why a pod is left alone, beside ``eligibility.NOT_OURS`` and ``hydatis_sizing.untouched.REASONS``.
REASONS: dict[str, str] = {
    "not-synced": "the cluster is not known yet",
    "off": "the policy is off",
    "not-asked": "its namespace has no label hydatis.io/right-size: apply or report",
    "namespace": "the policy leaves its namespace out",
    "not-in-force": "the leader has not put its recommendation in force yet",
    "nothing-to-take": "it asks for no more than it may",
    "quota": "a ResourceQuota or LimitRange bounds the cap's own resources",
    "no-room": "no node has room for what it would give up, or none advertises it",
}
#: Of the reasons of ``untouched`` those that mean that there is advice and it is not believed.
REFUSALS = frozenset({"absurd", "stale", "too-little-history", "quarantined"})


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done to a pod."""

    outcome: Outcome
    reason: str
    """Why it is left alone, or "report"; empty: it is sized."""
    before: Mapping[str, Amounts] = field(default_factory=dict)
    """The owner's requests by container."""
    after: Mapping[str, Amounts] = field(default_factory=dict)
    """Requests by container; NaN where the owner set none."""
    excess: Reclaimed = field(default_factory=Reclaimed)
    """What the pod gives up."""
    clamped: Counter[str] = field(default_factory=Counter)
    """How often each cause kept a request above what is advised."""
    refused: Counter[str] = field(default_factory=Counter)
    """How often advice was refused, by reason."""


def decide(
    pod: RunningPod, selector: Mapping[str, str], policy: RightSizingPolicy, cluster: ClusterState, now_seconds: float
) -> Decision:
    """Decides on a pod whose namespace is set.

    Args:
        pod: as it is about to be made.
        selector: its node selector.
        policy: in force.
        cluster: what is known.
        now_seconds: Unix seconds.

    Raises:
        InvalidValue: an amount of the pod is no quantity.
    """
    namespace = pod.metadata.namespace
    mode = cluster.mode_of(namespace)
    rows = (
        (not cluster.synced, "not-synced"),
        (policy.mode == "off", "off"),
        (not mode, "not-asked"),
        (not policy.allows(namespace), "namespace"),
    )
    reason = next((row for holds, row in rows if holds), "") or not_ours(pod)
    if reason:
        return Decision("left", reason)
    owned = owned_by(pod)
    target = target_of(pod, owned, policy, cluster, now_seconds)
    reported = "report" in (mode, policy.mode) or target.is_report_only
    given_up = excess((owned[name], target.requests[name]) for name in owned)
    reason = (
        target.reason
        or ("not-in-force" if not reported and not target.is_in_force else "")
        or ("nothing-to-take" if given_up == Reclaimed() else "")
        or ("quota" if cluster.bounds_caps(namespace) else "")
        or ("" if has_room(cluster.nodes.all(), cluster.accounts, selector, _sums(target), given_up) else "no-room")
    )
    refused = Counter(code for one in target.spared.values() for code in {one.cpu, one.memory} & REFUSALS)
    if reason:
        return Decision("left", reason, refused=refused)
    outcome: Outcome = "reported" if reported else "sized"
    return Decision(outcome, "report" if reported else "", owned, target.requests, given_up, target.clamped, refused)


def _sums(target: Target) -> Amounts:
    def total(amounts: list[float]) -> float:
        return math.fsum(amount for amount in amounts if not math.isnan(amount))

    requests = target.requests.values()
    return Amounts(total([one.cpu_cores for one in requests]), total([one.memory_bytes for one in requests]))
