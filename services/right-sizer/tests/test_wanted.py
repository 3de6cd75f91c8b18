"""What running pods should ask for: as a new one of theirs would, and what speaks against that gives back what was taken."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.object_book import ObjectBook
from hydatis_right_sizer.policy import ResizePolicy, RightSizingPolicy
from hydatis_right_sizer.wanted import requested_by_owners, wanted_by_workload
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_sizing.recommendation import Amounts
from msgspec import Raw
from prometheus_client import CollectorRegistry

GIB = 2.0**30
NOW = time.time()
POLICY = RightSizingPolicy(mode="apply", resize=ResizePolicy(enabled=True))
ORIGINAL = json.dumps({"app": {"cpu": "1", "memory": "2Gi"}})


def fill(book: ObjectBook[Any], objects: Sequence[dict[str, Any]]) -> None:
    book.listing()
    book.page([Raw(json.dumps(one).encode()) for one in objects])
    book.listed()


def pod(name: str, cpu: str, **annotations: str) -> dict[str, Any]:
    owner = {"kind": "StatefulSet", "name": "web", "controller": True}
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name, "annotations": annotations, "ownerReferences": [owner]},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "resources": {"requests": {"cpu": cpu, "memory": "2Gi"}}}]},
        "status": {"phase": "Running", "qosClass": "Burstable"},
    }


def utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def cluster(
    *pods: dict[str, Any], label: str = "apply", mode: str = "Apply", quarantined: float = 0.0, age_days: float = 0.0
) -> ClusterState:
    """Advice of half a core, in force."""
    made = ClusterState(KubernetesApi("none"), KubernetesMetrics(CollectorRegistry()))
    fill(made.namespaces, [{"metadata": {"name": "shop", "labels": {"hydatis.io/right-size": label}}}])
    fill(made.pods, pods)
    level = {"name": "app", "requests": {"cpu": "500m", "memory": "2Gi"}, "base": {"cpu": "1", "memory": "2Gi"}}
    advice = {
        "metadata": {"name": "statefulset-web", "namespace": "shop"},
        "spec": {
            "targetRef": {"kind": "StatefulSet", "name": "web"},
            "mode": mode,
            "madeAt": utc(NOW - age_days * 86_400),
            "historyDays": 20,
            "podsCount": 2,
            "containers": [{"name": "app", "requests": {"cpu": "500m", "memory": "2Gi"}}],
        },
        "status": {"inForce": {"since": utc(NOW), "containers": [level]}}
        | ({"quarantinedUntil": utc(quarantined)} if quarantined else {}),
    }
    fill(made.advice, [advice])
    return made


def cpu(found: ClusterState, policy: RightSizingPolicy = POLICY) -> list[float]:
    wanted = wanted_by_workload(policy, found, NOW).get(("shop", "StatefulSet/web"), [])
    in_order = sorted(wanted, key=lambda one: one.pod.metadata.name)
    return [one.requests.get("app", Amounts(math.nan, math.nan)).cpu_cores for one in in_order]


def test_a_pod_that_runs_should_ask_for_what_a_new_one_would() -> None:
    assert cpu(cluster(pod("a", "1"), pod("b", "800m", **{ORIGINAL_ANNOTATION: ORIGINAL}))) == [0.5, 0.5]


def test_who_forbids_it_gets_back_what_was_taken() -> None:
    forbidden = pod("a", "500m", **{ORIGINAL_ANNOTATION: ORIGINAL, "hydatis.io/right-size": "off"})
    assert cpu(cluster(forbidden, pod("b", "500m", **{ORIGINAL_ANNOTATION: ORIGINAL}))) == [1.0, 0.5]


def test_advice_that_grew_old_is_no_reason_to_do_anything() -> None:
    assert [math.isnan(one) for one in cpu(cluster(pod("a", "500m", **{ORIGINAL_ANNOTATION: ORIGINAL}), age_days=30))] == [True]


@pytest.mark.parametrize("changes", [{"label": "report"}, {"label": ""}, {"quarantined": NOW + 60}])
def test_these_workloads_are_not_resized_at_all(changes: dict[str, Any]) -> None:
    assert cpu(cluster(pod("a", "1"), **changes)) == []


@pytest.mark.parametrize(
    "policy",
    [
        RightSizingPolicy(mode="report", resize=ResizePolicy(enabled=True)),
        RightSizingPolicy(mode="off", resize=ResizePolicy(enabled=True)),
        RightSizingPolicy(mode="apply"),
    ],
)
def test_nothing_is_resized_unless_the_policy_says_so(policy: RightSizingPolicy) -> None:
    assert cpu(cluster(pod("a", "1")), policy) == []


def test_advice_in_mode_report_and_annotations_that_cannot_be_meant_change_nothing() -> None:
    assert all(map(math.isnan, cpu(cluster(pod("a", "1"), mode="Report"))))
    assert all(map(math.isnan, cpu(cluster(pod("a", "500m", **{ORIGINAL_ANNOTATION: "[]"})))))


def test_a_quarantine_that_is_over_is_none() -> None:
    assert cpu(cluster(pod("a", "1"), quarantined=NOW - 60)) == [0.5]


def test_what_the_cluster_requests_is_what_its_owners_asked_for() -> None:
    found = cluster(pod("a", "1"), pod("b", "300m", **{ORIGINAL_ANNOTATION: ORIGINAL}))
    assert requested_by_owners(found) == Amounts(pytest.approx(2.0), pytest.approx(4 * GIB))
