"""Pods that run, as a resize sees them: what kubelet says of the newest request, and the way back to what the owner asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION, original_requests, way_back
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod, resize_state


def pod(requests: dict[str, str] | None = None, original: str | None = None, generation: int = 2, **status: Any) -> RunningPod:
    container = {"name": "app", "resources": {"requests": requests or {"cpu": "500m", "memory": "1Gi"}}}
    there = {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "generation": generation,
            "annotations": {} if original is None else {ORIGINAL_ANNOTATION: original},
        },
        "spec": {"nodeName": "n", "containers": [container, {"name": "helper"}]},
        "status": {"phase": "Running", "observedGeneration": 2} | status,
    }
    return read_running_pod(json.dumps(there).encode())


def condition(kind: str, reason: str = "", status: str = "True") -> list[dict[str, str]]:
    return [{"type": kind, "status": status, "reason": reason}]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "settled"),
        ({"conditions": condition("PodResizePending", "Deferred")}, "deferred"),
        ({"conditions": condition("PodResizePending", "Infeasible")}, "infeasible"),
        ({"conditions": condition("PodResizeInProgress")}, "under_way"),
        ({"conditions": condition("PodResizePending", "Infeasible", "False")}, "settled"),
        ({"conditions": condition("Ready")}, "settled"),
    ],
)
def test_what_kubelet_says_of_a_resize(changes: dict[str, Any], state: str) -> None:
    assert resize_state(pod(**changes)) == state


def test_conditions_of_an_earlier_request_say_nothing_of_the_newest() -> None:
    assert resize_state(pod(generation=3, conditions=condition("PodResizePending", "Infeasible"))) == "under_way"


@pytest.mark.parametrize(
    ("given", "state"), [({"cpu": "1", "memory": "1Gi"}, "under_way"), ({"cpu": "0.5", "memory": "1Gi"}, "settled")]
)
def test_a_kubelet_that_does_not_say_what_it_saw_is_judged_by_what_the_container_has(given: dict[str, str], state: str) -> None:
    statuses = [{"name": "app", "resources": {"requests": given}}, {"name": "helper"}]
    assert resize_state(pod(observedGeneration=0, containerStatuses=statuses)) == state


@pytest.mark.parametrize(
    ("original", "back"),
    [
        ({"app": {"cpu": "1", "memory": "2Gi"}}, {"app": {"cpu": "1", "memory": "2Gi"}}),
        ({"app": {"cpu": "1"}}, {"app": {"cpu": "1"}}),
        ({"app": {"cpu": "0.5", "memory": "1024Mi"}}, {}),
        ({"app": {"cpu": "1", "example.org/device": "1"}}, {"app": {"cpu": "1"}}),
        ({"helper": {"cpu": "1"}, "gone": {"cpu": "1"}}, {}),
        ({}, {}),
    ],
)
def test_the_way_back_is_what_differs_in_the_owners_own_words(original: Any, back: Any) -> None:
    assert way_back(pod(original=json.dumps(original))) == back


def test_a_pod_that_nobody_changed_has_no_way_back() -> None:
    assert (original_requests(pod()), way_back(pod())) == (None, {})


@pytest.mark.parametrize("original", ["", "[]", '{"app": 1}', '{"app": {"cpu": "-1"}}', '{"app": {"cpu": "lots"}}'])
def test_an_annotation_changed_by_hand_is_refused(original: str) -> None:
    with pytest.raises(InvalidValue, match="original-requests"):
        way_back(pod(original=original))


@pytest.mark.parametrize("text", [b"", b"[]", b'{"spec": {}}', b"\xff"])
def test_what_is_no_pod_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidValue, match="not a pod"):
        read_running_pod(text)
