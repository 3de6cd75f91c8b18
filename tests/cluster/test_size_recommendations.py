"""The real API server takes advice that we write and refuses nonsense that anybody writes."""

from __future__ import annotations

import copy
import json
import math
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from control_plane.api import Api, JsonObject
from control_plane.plane import ControlPlane
from control_plane.right_sizer import ensure_type
from hydatis_serving.kube.size_recommendations import KIND, object_path, read_object, written_object
from hydatis_sizing.recommendation import Amounts, ContainerName, Recommendation, Risk

TYPES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MIB = 2.0**20


@pytest.fixture(scope="module")
def namespace(own_plane: ControlPlane, api: Api) -> Iterator[str]:
    """A namespace in a cluster that has the type."""
    ensure_type(api)
    (crd,) = [one for one in api.items(TYPES) if one["spec"]["names"]["kind"] == KIND]
    assert "NonStructuralSchema" not in {one["type"] for one in crd["status"]["conditions"]}
    name = f"test-{uuid.uuid4().hex[:8]}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


def advice(namespace: str, workload: str) -> Recommendation:
    return Recommendation(
        container=ContainerName(namespace, workload, "app"),
        pods_count=12,
        owned=Amounts(1.0, 2048 * MIB),
        owned_memory_limit_bytes=4096 * MIB,
        requests=Amounts(0.12, 700 * MIB),
        memory_limit_bytes=900 * MIB,
        risk=Risk(0.02, math.nan, 0.0004),
        history_days=21.5,
        made_at_seconds=1_795_392_000.0,
    )


def test_advice_goes_through_the_cluster_unchanged(api: Api, namespace: str) -> None:
    told = advice(namespace, "Deployment/web")
    created = api.create(object_path(namespace), written_object([told]), fieldValidation="Strict")
    assert created["metadata"]["generation"] == 1
    read = read_object(json.dumps(api.get(object_path(namespace, "Deployment/web"))).encode())
    assert repr(read.containers) == repr((told,))
    assert read.uid == created["metadata"]["uid"]

    status = {"status": {"quarantinedUntil": "2026-11-24T00:00:00Z"}, "spec": {"podsCount": 1}}
    api.patch(object_path(namespace, "Deployment/web") + "/status", status)
    read = read_object(json.dumps(api.get(object_path(namespace, "Deployment/web"))).encode())
    assert read.quarantined_until_seconds == 1_795_478_400.0
    assert (read.generation, read.containers[0].pods_count) == (1, 12), "whoever writes the status does not write the advice"


Change = Callable[[JsonObject], Any]
WRONG: dict[str, tuple[str, Change]] = {
    "negative CPU": ("Invalid", lambda spec: spec["containers"][0]["requests"].update(cpu="-1")),
    "negative CPU, as a number": ("Invalid", lambda spec: spec["containers"][0]["requests"].update(cpu=-1)),
    "no quantity": ("Invalid", lambda spec: spec["containers"][0]["requests"].update(memory="lots")),
    "NaN": ("Invalid", lambda spec: spec["containers"][0]["requests"].update(cpu="NaN")),
    "a limit below the request": ("below the request", lambda spec: spec["containers"][0]["limits"].update(memory="699Mi")),
    "a ratio above one": ("cpuAboveRatio", lambda spec: spec["containers"][0]["risk"].update(cpuAboveRatio=7)),
    "negative kills": ("killsPerPodDay", lambda spec: spec["containers"][0]["risk"].update(killsPerPodDay=-1)),
    "negative history": ("historyDays", lambda spec: spec.update(historyDays=-1)),
    "a history of centuries": ("historyDays", lambda spec: spec.update(historyDays=1e9)),
    "negative pods": ("podsCount", lambda spec: spec.update(podsCount=-3)),
    "a mode of its own": ("mode", lambda spec: spec.update(mode="Force")),
    "no containers": ("containers", lambda spec: spec.update(containers=[])),
    "a container twice": ("Duplicate", lambda spec: spec["containers"].append(spec["containers"][0])),
    "no target": ("targetRef", lambda spec: spec.pop("targetRef")),
    "no time": ("madeAt", lambda spec: spec.update(madeAt="soon")),
    "an unknown field": ("cpuLimit", lambda spec: spec["containers"][0].update(cpuLimit="1")),
}


@pytest.mark.parametrize("what", WRONG)
def test_nonsense_is_refused(api: Api, namespace: str, what: str) -> None:
    said, change = WRONG[what]
    made = copy.deepcopy(written_object([advice(namespace, "Deployment/wrong")]))
    change(made["spec"])
    with pytest.raises(AssertionError, match=said) as refused:
        api.create(object_path(namespace), made, fieldValidation="Strict", dryRun="All")
    assert " 422 " in str(refused.value) or " 400 " in str(refused.value)


def test_people_may_write_numbers_and_leave_out_what_they_do_not_know(api: Api, namespace: str) -> None:
    made = written_object([advice(namespace, "Deployment/by-hand")])
    made["spec"]["containers"] = [{"name": "app", "requests": {"cpu": 1}}]
    del made["spec"]["mode"], made["spec"]["untouched"]
    read = read_object(json.dumps(api.create(object_path(namespace), made, fieldValidation="Strict")).encode())
    assert read.mode == "Apply"
    assert read.containers[0].requests.cpu_cores == 1.0
    assert math.isnan(read.containers[0].memory_limit_bytes)
