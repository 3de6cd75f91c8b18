"""Whether a pod fares worse since it was resized: pure, one table of what counts as trouble.

Right-sizing takes a promise away, not the resource: a pod may still use what nobody else wants. So trouble shows where there is not
enough for all: a container killed for memory, one that is started again, CPU time that is waited for, answers that come later. What
was as bad before the resize is not blamed on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.resizing import way_back
from hydatis_serving.kube.running_pods import RunningPod, resize_state

from hydatis_right_sizer.resize_record import ResizeRecord, record_of

__all__ = ["TROUBLE", "Course", "Limits", "Sized", "Trouble", "sized", "troubles"]

#: A container that is killed for memory later than this after the resize is killed for something else.
BLAMED_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Course:
    """A measurement before and after the resize; NaN: not known, and then it is no trouble."""

    before: float = math.nan
    now: float = math.nan


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on it is trouble."""

    observation_seconds: float
    """How long restarts, waiting and latency are blamed on the resize."""
    throttled_ratio: float
    """Share of its time that a pod waits for CPU, 0..1."""
    latency_rise_ratio: float
    """By how much of itself the latency may rise."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A pod whose requests are below its owner's."""

    pod: RunningPod
    since_seconds: float
    """Unix seconds: since then they are."""
    record: ResizeRecord | None
    """None: since it was created."""
    throttled: Course = Course()
    """Share of its time that it waits for CPU."""
    latency: Course = Course()
    """Of its workload, seconds."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened to one pod."""

    code: str
    """Of ``TROUBLE``."""
    pod: RunningPod
    detail: str
    """For people."""


def sized(pod: RunningPod) -> Sized | None:
    """The pod, if it asks for less than its owner did because of us."""
    try:
        if pod.metadata.creation_timestamp is None or not way_back(pod):
            return None
    except HydatisError:
        return None
    record = record_of(pod)
    since = record.at_seconds if record is not None else pod.metadata.creation_timestamp.timestamp()
    return Sized(pod, since, record)


def troubles(pods: Iterable[Sized], limits: Limits, now_seconds: float) -> list[Trouble]:
    """What happened to these pods; of each the first that holds, in the table's order."""
    found = []
    for one in pods:
        told = ((code, rule(one, limits, now_seconds)) for code, (_, rule) in TROUBLE.items())
        first = next(((code, detail) for code, detail in told if detail), None)
        if first is not None:
            found.append(Trouble(first[0], one.pod, first[1]))
    return found


def _killed(one: Sized, _limits: Limits, now_seconds: float) -> str:
    if now_seconds - one.since_seconds > BLAMED_SECONDS:
        return ""
    for status in one.pod.status.container_statuses or ():
        for ended in (status.state.terminated, status.last_state.terminated):
            at = ended.finished_at if ended is not None and ended.reason == "OOMKilled" else None
            if at is not None and at.timestamp() >= one.since_seconds:
                return f"container {status.name} was killed at {at:%H:%M:%S}"
    return ""


def _restarted(one: Sized, limits: Limits, now_seconds: float) -> str:
    # A container that never ran with other requests fails for its own reasons.
    if one.record is None or not _is_observed(one, limits, now_seconds):
        return ""
    for status in one.pod.status.container_statuses or ():
        before = one.record.restarts.get(status.name, status.restart_count)
        if status.restart_count > before:
            return f"container {status.name} restarted {status.restart_count - before} times"
    return ""


def _infeasible(one: Sized, _limits: Limits, _now_seconds: float) -> str:
    try:
        pending = one.pod.condition("PodResizePending") if resize_state(one.pod) == "infeasible" else None
    except HydatisError:
        return ""
    return f"kubelet refuses the resize: {pending.message or pending.reason}" if pending is not None else ""


def _throttled(one: Sized, limits: Limits, now_seconds: float) -> str:
    course, limit = one.throttled, limits.throttled_ratio
    if not _is_observed(one, limits, now_seconds) or not course.now > limit or course.before > limit:
        return ""
    return f"it waits {course.now:.0%} of its time for CPU, before the resize {course.before:.0%}"


def _slow(one: Sized, limits: Limits, now_seconds: float) -> str:
    course = one.latency
    # NaN compares false: where no latency before is known, none is too high.
    if not _is_observed(one, limits, now_seconds) or not course.now > (1.0 + limits.latency_rise_ratio) * course.before:
        return ""
    return f"its latency is {course.now:.3g} s, before the resize {course.before:.3g} s"


def _is_observed(one: Sized, limits: Limits, now_seconds: float) -> bool:
    return now_seconds - one.since_seconds <= limits.observation_seconds


Rule = Callable[[Sized, Limits, float], str]
#: Code -> (what a reader is told, what happened or nothing).
TROUBLE: dict[str, tuple[str, Rule]] = {
    "oom-killed": ("a container was killed for memory since its pod was resized", _killed),
    "restarted": ("a container was started anew while its pod was watched", _restarted),
    "infeasible": ("kubelet says that the resize can never be done", _infeasible),
    "throttled": ("a pod waits for CPU as it did not before", _throttled),
    "slow": ("the workload answers later than before", _slow),
}
