"""Advice goes into an object of the cluster and comes out as it was; what strangers wrote into one is checked."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.size_recommendations import object_name, object_path, read_object, written_object
from hydatis_sizing.recommendation import Amounts, ContainerName, Recommendation, Risk

MIB, NAN = 2.0**20, math.nan
APP = Recommendation(
    container=ContainerName("shop", "Deployment/web", "app"),
    pods_count=12,
    owned=Amounts(1.0, 2048 * MIB),
    owned_memory_limit_bytes=4096 * MIB,
    requests=Amounts(0.12, 700 * MIB),
    memory_limit_bytes=900 * MIB,
    risk=Risk(0.02, 0.001, 0.0004),
    history_days=21.5,
    made_at_seconds=1_795_392_000.0,
)
PROXY = replace(
    APP,
    container=ContainerName("shop", "Deployment/web", "proxy"),
    owned=Amounts(NAN, NAN),
    owned_memory_limit_bytes=NAN,
    requests=Amounts(NAN, NAN),
    memory_limit_bytes=NAN,
    risk=Risk(NAN, NAN, NAN),
    untouched="no_request",
)


def in_cluster(written: dict[str, Any]) -> bytes:
    return json.dumps(written).encode()


def test_the_object_is_the_one_that_people_review() -> None:
    assert written_object([APP]) == {
        "apiVersion": "hydatis.io/v1alpha1",
        "kind": "SizeRecommendation",
        "metadata": {"name": "deployment-web", "namespace": "shop"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "web"},
            "mode": "Apply",
            "madeAt": "2026-11-23T00:00:00Z",
            "historyDays": 21.5,
            "podsCount": 12,
            "untouched": "",
            "containers": [
                {
                    "name": "app",
                    "owned": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
                    "requests": {"cpu": "120m", "memory": "700Mi"},
                    "limits": {"memory": "900Mi"},
                    "risk": {"cpuAboveRatio": 0.02, "memoryAboveRatio": 0.001, "killsPerPodDay": 0.0004},
                }
            ],
        },
    }


def test_what_goes_in_comes_out() -> None:
    written = written_object([PROXY, APP], mode="Report")
    read = read_object(in_cluster(written))
    assert (read.namespace, read.name, read.workload, read.mode) == ("shop", "deployment-web", "Deployment/web", "Report")
    assert read.by_container["app"] == APP
    assert repr(read.by_container["proxy"]) == repr(PROXY), "NaN is not equal to itself"
    assert math.isnan(read.quarantined_until_seconds)


def test_a_reason_of_all_containers_is_the_workload_s() -> None:
    written = written_object([replace(APP, untouched="hpa"), replace(PROXY, untouched="hpa")])
    assert written["spec"]["untouched"] == "hpa"
    assert all("untouched" not in one for one in written["spec"]["containers"])
    assert {one.untouched for one in read_object(in_cluster(written)).containers} == {"hpa"}


def test_advice_is_rounded_up() -> None:
    (told,) = written_object([replace(APP, requests=Amounts(0.1201, 700.2 * MIB), memory_limit_bytes=700.3 * MIB)])["spec"][
        "containers"
    ]
    assert told["requests"] == {"cpu": "121m", "memory": "701Mi"}
    assert told["limits"] == {"memory": "701Mi"}


def test_names_are_kubernetes_names_and_kept_apart() -> None:
    assert object_name("StatefulSet/db.v2") == "statefulset-db.v2"
    odd = [
        object_name(workload) for workload in ("team/My App", "team/my_app", "team/" + "x" * 300, "team/" + "x" * 299 + "y", "a/é")
    ]
    assert len(set(odd)) == len(odd)
    assert all(len(name) <= 253 and name.replace("-", "").replace(".", "").isalnum() for name in odd)
    assert object_path("shop", "Deployment/web") == "/apis/hydatis.io/v1alpha1/namespaces/shop/sizerecommendations/deployment-web"
    assert object_path("") == "/apis/hydatis.io/v1alpha1/sizerecommendations"


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("requests", {"cpu": "-1"}, "cpu"),
        ("requests", {"memory": "lots"}, "memory"),
        ("limits", {"memory": "1Mi"}, "below the request"),
        ("owned", {"requests": {"cpu": "1e300"}}, "out of range"),
        ("risk", {"cpuAboveRatio": -0.5}, "no risk"),
        ("risk", {"cpuAboveRatio": "high"}, "not a SizeRecommendation"),
        ("name", None, "not a SizeRecommendation"),
    ],
)
def test_nonsense_is_refused_by_name(where: str, value: object, said: str) -> None:
    written = written_object([APP])
    written["spec"]["containers"][0][where] = value
    with pytest.raises(InvalidValue, match=said):
        read_object(in_cluster(written))


@pytest.mark.parametrize(
    ("name", "value"), [("historyDays", -1), ("podsCount", -1), ("mode", "Maybe"), ("madeAt", "soon"), ("targetRef", {})]
)
def test_a_head_that_cannot_be_meant_is_refused(name: str, value: object) -> None:
    written = written_object([APP])
    written["spec"][name] = value
    with pytest.raises(InvalidValue):
        read_object(msgspec.Raw(in_cluster(written)))


def test_what_has_no_owner_has_no_object() -> None:
    with pytest.raises(InvalidValue, match="no workload"):
        written_object([replace(APP, container=ContainerName("shop", "", "app"))])
    with pytest.raises(InvalidValue, match="2 workloads"):
        written_object([APP, replace(APP, container=ContainerName("shop", "Deployment/api", "app"))])


def test_quarantine_is_the_right_sizer_s_word() -> None:
    written = written_object([APP]) | {"status": {"quarantinedUntil": "2026-11-24T00:00:00Z", "conditions": []}}
    assert read_object(in_cluster(written)).quarantined_until_seconds == 1_795_478_400.0
