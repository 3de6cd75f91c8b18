"""What nobody sizes by machine, and why: one table, so that a report, a webhook and a resizer leave the same things alone.

A request is more than a reservation: a HorizontalPodAutoscaler divides use by it (half the request is twice the utilisation, hence
twice the replicas), a quality-of-service class hangs on it, its owner may have set it on purpose. Where one of these holds, advice
may still be shown; it is not applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hydatis_sizing.recommendation import Amounts

__all__ = ["REASONS", "RESOURCES", "Facts", "Rules", "Untouched", "untouched"]

#: Code -> what a reader is told. The first that holds is given, in this order.
REASONS: dict[str, str] = {
    "forbidden": "the pod forbids it by the annotation hydatis.io/right-size: off",
    "static": "a static pod: kubelet reads it from a file, the API server cannot change it",
    "daemon-set": "a DaemonSet, and its annotation hydatis.io/right-size: on does not ask for it",
    "guaranteed": "a Guaranteed pod: with other requests than limits it would lose its class",
    "vertical-autoscaler": "a VerticalPodAutoscaler sizes this workload already",
    "horizontal-autoscaler": "a HorizontalPodAutoscaler scales on utilisation of this request: a smaller one would scale out",
    "no-request": "no request is set: there is nothing to take back",
    "no-advice": "nothing is advised: too little is known of its use",
    "too-little-history": "too few days were seen",
    "stale": "the recommendation is too old",
    "quarantined": "it had trouble after it was resized, and rests",
    "absurd": "the recommendation is not an amount, or too far above what is there",
    "report-only": "its recommendation is in mode Report",
}
RESOURCES = ("cpu", "memory")
_NOTHING = Amounts(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Rules:
    """Bounds of what is believed."""

    least_history_days: float = 2.0
    """Every hour of the day was seen twice; > 0."""
    most_age_days: float = 7.0
    """Of a recommendation, > 0."""
    most_growth_ratio: float = 10.0
    """Advice above so many times the owner's request is not believed, >= 1."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a container and its workload. By default nothing speaks against sizing it."""

    owned: Amounts
    """Requests as their owner wrote them; NaN or 0: none."""
    advised: Amounts = _NOTHING
    """NaN: nothing is advised."""
    history_days: float = math.inf
    age_days: float = 0.0
    """Since the newest sample that the advice rests on; negative (a clock that is ahead) counts as none."""
    is_forbidden: bool = False
    is_static: bool = False
    is_daemon_set: bool = False
    is_asked_for: bool = False
    """By the annotation, which only a DaemonSet needs."""
    is_guaranteed: bool = False
    has_vertical_autoscaler: bool = False
    scaled_on: frozenset[str] = frozenset()
    """Of ``RESOURCES``: those whose utilisation a HorizontalPodAutoscaler holds."""
    is_quarantined: bool = False
    is_report_only: bool = False


@dataclass(frozen=True, slots=True)
class Untouched:
    """Why a container is left alone, by resource; empty: it may be sized."""

    cpu: str
    memory: str

    @property
    def whole(self) -> str:
        """Why neither is touched; empty when one may be."""
        return self.cpu if self.cpu and self.memory else ""


def untouched(facts: Facts, rules: Rules | None = None) -> Untouched:
    """The first reason that holds, of each resource.

    >>> untouched(Facts(Amounts(1.0, 2.0**30), Amounts(0.2, 2.0**28), scaled_on=frozenset({"cpu"})))
    Untouched(cpu='horizontal-autoscaler', memory='')
    """
    rules = rules or Rules()
    cpu = _first(facts, "cpu", facts.owned.cpu_cores, facts.advised.cpu_cores, rules)
    return Untouched(cpu, _first(facts, "memory", facts.owned.memory_bytes, facts.advised.memory_bytes, rules))


def _first(facts: Facts, resource: str, owned: float, advised: float, rules: Rules) -> str:
    holds = {
        "forbidden": facts.is_forbidden,
        "static": facts.is_static,
        "daemon-set": facts.is_daemon_set and not facts.is_asked_for,
        "guaranteed": facts.is_guaranteed,
        "vertical-autoscaler": facts.has_vertical_autoscaler,
        "horizontal-autoscaler": resource in facts.scaled_on,
        "no-request": not owned > 0,
        "no-advice": math.isnan(advised),
        "too-little-history": not facts.history_days >= rules.least_history_days,
        "stale": not facts.age_days <= rules.most_age_days,
        "quarantined": facts.is_quarantined,
        "absurd": not 0 < advised <= rules.most_growth_ratio * owned,
        "report-only": facts.is_report_only,
    }
    return next((code for code in REASONS if holds[code]), "")
