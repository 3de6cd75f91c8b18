"""What a container should ask for, and what that risks: what every reader of advice is given, a table or the right-sizer."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Amounts", "ContainerName", "Recommendation", "Risk"]


@dataclass(frozen=True, slots=True, order=True)
class ContainerName:
    """A container of a workload, alike in all of its pods."""

    namespace: str
    workload: str
    """Kind and name of the owner, "Deployment/web" (``hydatis_serving.kube.pods.workload_of``)."""
    container: str


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU and memory."""

    cpu_cores: float
    """>= 0; NaN: none is set, or nothing is known."""
    memory_bytes: float
    """The same."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What is to be expected if the advice is taken. NaN: not known."""

    cpu_above_ratio: float
    """Share of time with more CPU used than asked for, 0..1. It is not cut off: it is no longer promised."""
    memory_above_ratio: float
    """The same of memory: such a pod is evicted before others when its node runs out."""
    kills_per_pod_day: float
    """Times that a pod passes its memory limit in a day, >= 0; without a limit 0."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Advice for one container."""

    container: ContainerName
    pods_count: int
    """Running when it was made, >= 0."""
    owned: Amounts
    """Requests as their owner wrote them."""
    owned_memory_limit_bytes: float
    """NaN: none."""
    requests: Amounts
    """Advised. NaN: too little is known, keep what is there."""
    memory_limit_bytes: float
    """Advised where the owner set one, never below theirs; NaN: keep what is there, also none. CPU is never limited: what
    nobody else wants may be used."""
    risk: Risk
    history_days: float
    """Days of use that it rests on, >= 0."""
    made_at_seconds: float
    """Unix seconds of the newest sample that it rests on."""
    untouched: str = ""
    """Why nobody should apply it by machine, a code of ``untouched.REASONS``; empty: it may be applied."""
