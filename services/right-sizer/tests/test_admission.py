"""Whatever is sent, a pod is allowed; what is known decides what is done to it."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hydatis_right_sizer.admission import Admission
from hydatis_right_sizer.audit import Audit
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from msgspec import Raw
from prometheus_client import CollectorRegistry

POLICY = b"mode: apply\nfloor_memory_mib: 16\n"


class Asked:
    """An admission with a cluster that is known: one node, one recommendation."""

    def __init__(self, policy: bytes = POLICY, room: str = "4k") -> None:
        api = KubernetesApi("none")
        self.registry = CollectorRegistry()
        metrics = RightSizerMetrics(self.registry)
        self.cluster = ClusterState(api, KubernetesMetrics(self.registry))
        keeper = PolicyKeeper("here", "policy", metrics)
        keeper.take(policy)
        self.cluster._vertical_is_watched = False
        for book in self.cluster._needed:
            book.listing()
            book.listed()
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        amounts = {"requests": {"cpu": "250m", "memory": "512Mi"}, "owned": {"requests": {"cpu": "1", "memory": "1Gi"}}}
        spec = {"targetRef": {"kind": "StatefulSet", "name": "web"}, "madeAt": made, "historyDays": 20, "podsCount": 2}
        level = {"name": "app", "requests": {"cpu": "250m", "memory": "512Mi"}}
        reclaimed = {"hydatis.io/reclaimed-cpu": room, "hydatis.io/reclaimed-memory": "8192"}
        self.tell(self.cluster.namespaces, {"metadata": {"name": "shop", "labels": {"hydatis.io/right-size": "apply"}}})
        self.tell(
            self.cluster.nodes,
            {"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "8", "memory": "16Gi"} | reclaimed}},
        )
        self.tell(
            self.cluster.advice,
            {
                "metadata": {"name": "statefulset-web", "namespace": "shop"},
                "spec": spec | {"containers": [{"name": "app"} | amounts]},
                "status": {"inForce": {"since": made, "containers": [level]}},
            },
        )
        self.admission = Admission(self.cluster, keeper, Audit(api, "test", metrics), metrics)

    def tell(self, book: Any, one: dict[str, Any]) -> None:
        """Something that is watched was made."""
        book.changed([("ADDED", Raw(json.dumps(one).encode()))])

    def answer(self, pod: Any, **request: Any) -> dict[str, Any]:
        """The response to a review of a pod."""
        asked = {"uid": "u", "operation": "CREATE", "namespace": "shop", "object": pod} | request
        said = self.admission.answer(json.dumps({"request": asked}).encode())
        assert said is not None
        response: dict[str, Any] = json.loads(said)["response"]
        assert (response["uid"], response["allowed"]) == ("u", True)
        return response

    def reasons(self) -> set[str]:
        """Why pods were left alone so far."""
        return {
            sample.labels["reason"]
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "hydatis_admissions_total" and sample.value
        }


def pod(cpu: str = "1", **metadata: Any) -> dict[str, Any]:
    owner = {"kind": "StatefulSet", "name": "web", "controller": True}
    containers = [{"name": "app", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]
    return {"metadata": {"generateName": "web-", "ownerReferences": [owner]} | metadata, "spec": {"containers": containers}}


def test_a_pod_is_sized_by_a_patch() -> None:
    response = Asked().answer(pod())
    patch = {change["path"]: change["value"] for change in json.loads(base64.b64decode(response["patch"]))}
    requests = "/spec/containers/0/resources/requests"
    assert (patch[f"{requests}/cpu"], patch[f"{requests}/memory"]) == ("250m", "512Mi")
    assert patch[f"{requests}/hydatis.io~1reclaimed-cpu"] == "750"
    assert patch["/spec/containers/0/resources/limits"] == {"hydatis.io/reclaimed-cpu": "750", "hydatis.io/reclaimed-memory": "512"}
    assert json.loads(patch["/metadata/annotations"][ORIGINAL_ANNOTATION]) == {"app": {"cpu": "1", "memory": "1Gi"}}
    assert patch["/metadata/labels"] == {"hydatis.io/right-sized": "true"}


def test_a_dry_run_is_answered_and_not_counted() -> None:
    asked = Asked()
    assert "patch" in asked.answer(pod(), dryRun=True)
    assert asked.reasons() == set()


@pytest.mark.parametrize(
    ("asked", "made", "reason"),
    [
        (Asked(b"mode: 'off'"), pod(), "off"),
        (Asked(b"{mode: apply, namespaces: {exclude: [shop]}}"), pod(), "namespace"),
        (Asked(room="700"), pod(), "no-room"),
        (Asked(), pod("100m") | {}, "forbidden"),
        (Asked(), pod(ownerReferences=[]), "no-workload"),
        (Asked(), pod(ownerReferences=[{"kind": "StatefulSet", "name": "other"}]), "no-advice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pod_is_left_alone_and_it_is_counted_why(asked: Asked, made: dict[str, Any], reason: str) -> None:
    if reason == "forbidden":
        made["metadata"]["annotations"] = {"hydatis.io/right-size": "off"}
    assert "patch" not in asked.answer(made)
    assert asked.reasons() == {reason}


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "pod",
        {},
        {"metadata": {}, "spec": {"containers": 3}},
        {"metadata": {}, "spec": {"containers": [{"name": 1}]}},
        pod("a lot"),
    ],
)
def test_what_is_no_pod_is_allowed(wrong: Any) -> None:
    assert "patch" not in Asked().answer(wrong)


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"request": {}}', b'{"request": {"uid": 5}}'])
def test_what_is_no_review_has_no_answer(body: bytes) -> None:
    asked = Asked()
    assert asked.admission.answer(body) is None
    assert asked.registry.get_sample_value("hydatis_admission_failures_total", {"cause": "not-a-review"}) == 1


def test_a_fault_of_ours_costs_nobody_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    monkeypatch.setattr(asked.cluster, "advice_for", lambda workload: 1 / 0)
    assert "patch" not in asked.answer(pod())
    assert asked.registry.get_sample_value("hydatis_admission_failures_total", {"cause": "internal"}) == 1
