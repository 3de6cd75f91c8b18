"""What counts as trouble, and what would have happened anyway."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hydatis_right_sizer.resize_record import RESIZE_ANNOTATION, ResizeRecord
from hydatis_right_sizer.trouble import TROUBLE, Course, Limits, Sized, sized, troubles
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod

NOW = 1_790_000_000.0
LIMITS = Limits(observation_seconds=600.0, throttled_ratio=0.25, latency_rise_ratio=0.2)


def time(seconds_ago: float) -> str:
    return datetime.fromtimestamp(NOW - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(resized_ago: float | None, status: dict[str, Any] | None = None, cpu: str = "100m", **more: Any) -> RunningPod:
    """A pod of which 900 of 1,000 milli-cores were taken; it had restarted twice before."""
    annotations = {ORIGINAL_ANNOTATION: '{"app": {"cpu": "1"}}'}
    if resized_ago is not None:
        record = ResizeRecord(datetime.fromtimestamp(NOW - resized_ago, UTC), {"app": {"cpu": cpu}}, {"cpu": "900m"}, {"app": 2})
        annotations[RESIZE_ANNOTATION] = record.written()
    there = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "1", "annotations": annotations, "creationTimestamp": time(1e6)},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 2} | (status or {})]} | more,
    }
    return read_running_pod(json.dumps(there).encode())


def told(one: RunningPod, throttled: Course = Course(), latency: Course = Course(), now: float = NOW) -> str:  # noqa: B008
    found = sized(one)
    assert found is not None
    seen = Sized(found.pod, found.since_seconds, found.record, throttled, latency)
    return ", ".join(trouble.code for trouble in troubles([seen], LIMITS, now))


def killed(seconds_ago: float, reason: str = "OOMKilled") -> dict[str, Any]:
    return {"lastState": {"terminated": {"reason": reason, "finishedAt": time(seconds_ago)}}}


PENDING = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible", "message": "not enough CPU"}]


@pytest.mark.parametrize(
    ("resized_ago", "status", "more", "code"),
    [
        (60.0, {}, {}, ""),
        (60.0, killed(30.0), {}, "oom-killed"),
        (60.0, killed(90.0), {}, ""),
        (60.0, killed(30.0, "Error"), {}, ""),
        (90_000.0, killed(30.0), {}, ""),
        (60.0, {"state": killed(30.0)["lastState"]}, {}, "oom-killed"),
        (60.0, {"restartCount": 3}, {}, "restarted"),
        (60.0, {"restartCount": 3} | killed(30.0), {}, "oom-killed"),
        (700.0, {"restartCount": 3}, {}, ""),
        (60.0, {}, {"conditions": PENDING}, "infeasible"),
        (60.0, {}, {"conditions": [PENDING[0] | {"reason": "Deferred"}]}, ""),
        (60.0, {}, {"conditions": [PENDING[0] | {"status": "False"}]}, ""),
    ],
)
def test_what_kubelet_says(resized_ago: float, status: dict[str, Any], more: dict[str, Any], code: str) -> None:
    assert told(pod(resized_ago, status, **more)) == code


def test_a_pod_sized_when_it_was_made_is_blamed_for_kills_and_not_for_restarts() -> None:
    """A program that fails from its first moment on fails for its own reasons."""
    since_made = NOW - 1e6 + 60
    assert told(pod(None, {"restartCount": 9}), now=since_made) == ""
    assert told(pod(None, killed(1e6 - 30)), now=since_made) == "oom-killed"


@pytest.mark.parametrize(
    ("before", "now", "code"),
    [(0.1, 0.3, "throttled"), (0.1, 0.2, ""), (0.4, 0.9, ""), (math.nan, 0.3, "throttled"), (0.1, math.nan, "")],
)
def test_waiting_for_cpu_counts_unless_it_did_before(before: float, now: float, code: str) -> None:
    assert told(pod(60.0), throttled=Course(before, now)) == code
    assert told(pod(601.0), throttled=Course(before, now)) == ""


@pytest.mark.parametrize(
    ("before", "now", "code"), [(0.1, 0.13, "slow"), (0.1, 0.119, ""), (math.nan, 9.0, ""), (0.1, math.nan, "")]
)
def test_later_answers_count_where_those_before_are_known(before: float, now: float, code: str) -> None:
    assert told(pod(60.0), latency=Course(before, now)) == code


def test_a_pod_that_asks_for_what_its_owner_did_is_not_sized() -> None:
    assert sized(pod(60.0, cpu="1")) is None
    assert sized(pod(60.0, cpu="1000m")) is None


def test_everything_that_counts_is_told_in_words() -> None:
    assert all(sentence and not sentence.endswith(".") for sentence, _ in TROUBLE.values())
