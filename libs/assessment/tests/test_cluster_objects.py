"""What the API server says of a cluster: owners' requests, who else decides about them, and objects that cannot be meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydatis_assessment.capture.cluster_objects import cluster_now
from hydatis_assessment.cluster_use import ContainerRow
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.testing_api_server import ApiServer, node_json
from hydatis_sizing.recommendation import Amounts

GIB = 2.0**30
APP = {"name": "app", "resources": {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    running = ApiServer()
    running.put("nodes", node_json("b"))
    running.put("nodes", node_json("a"))
    yield running
    running.close()


def now(server: ApiServer, tmp_path: Path) -> Any:
    return cluster_now(KubernetesApi(server.kubeconfig(tmp_path)))


def pod(name: str, kind: str, owner: str, *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": name,
        "ownerReferences": [{"kind": kind, "name": owner, "controller": True}],
    }
    return {
        "metadata": metadata | more.pop("metadata", {}),
        "spec": {"nodeName": "a", "containers": list(containers or (APP,))} | more.pop("spec", {}),
        "status": {"phase": "Running", "qosClass": "Burstable"} | more,
    }


def scaler(name: str, kind: str, target: str, *metrics: dict[str, Any]) -> dict[str, Any]:
    reference = {"kind": kind, "name": target}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"scaleTargetRef": reference, "metrics": list(metrics)}}


def metric(resource: str, kind: str = "Utilization", container: str = "") -> dict[str, Any]:
    told = {"name": resource, "target": {"type": kind}} | ({"container": container} if container else {})
    return {"type": "ContainerResource", "containerResource": told} if container else {"type": "Resource", "resource": told}


def row(server: ApiServer, tmp_path: Path, name: str) -> ContainerRow:
    return next(one for one in now(server, tmp_path).rows["shop", name] if one.name.container == "app")


def test_the_owner_s_request_goes_before_what_somebody_made_of_it(server: ApiServer, tmp_path: Path) -> None:
    told = {"annotations": {"hydatis.io/original-requests": '{"app": {"cpu": "4"}}', "hydatis.io/right-size": "on"}}
    server.put("pods", pod("sized", "StatefulSet", "db", metadata=told))
    server.put("pods", pod("odd", "StatefulSet", "db", metadata={"annotations": {"hydatis.io/original-requests": "{nonsense"}}))
    assert row(server, tmp_path, "sized").requests == Amounts(4.0, GIB)
    assert row(server, tmp_path, "sized").right_size == "on"
    assert row(server, tmp_path, "odd").requests == Amounts(2.0, GIB)
    assert [node.name for node in now(server, tmp_path).nodes] == ["a", "b"]


def test_sidecars_are_told_apart_and_other_init_containers_are_left_out(server: ApiServer, tmp_path: Path) -> None:
    inits = [APP | {"name": "setup"}, APP | {"name": "mesh", "restartPolicy": "Always"}]
    server.put("pods", pod("p", "StatefulSet", "db", spec={"initContainers": inits}))
    found = now(server, tmp_path)
    assert {one.name.container: one.is_sidecar for one in found.rows["shop", "p"]} == {"app": False, "mesh": True}
    assert {name.container for name in found.init_containers} == {"setup"}


def test_only_what_divides_by_requests_holds_them(server: ApiServer, tmp_path: Path) -> None:
    server.put("pods", pod("p", "StatefulSet", "db", APP, APP | {"name": "proxy"}))
    by_value = scaler("h", "StatefulSet", "db", metric("cpu", "AverageValue"))
    server.put("horizontalpodautoscalers", by_value)
    assert row(server, tmp_path, "p").hpa_resources == frozenset()
    server.put("horizontalpodautoscalers", scaler("h", "StatefulSet", "db", metric("cpu", container="app"), metric("memory")))
    held = {one.name.container: one.hpa_resources for one in now(server, tmp_path).rows["shop", "p"]}
    assert held == {"app": {"cpu", "memory"}, "proxy": {"memory"}}
    server.put("horizontalpodautoscalers", scaler("h", "StatefulSet", "db"))
    assert row(server, tmp_path, "p").hpa_resources == {"cpu"}, "without metrics it goes by CPU"
    server.put("horizontalpodautoscalers", scaler("h", "Deployment", "db", metric("cpu")))
    assert row(server, tmp_path, "p").hpa_resources == frozenset()


def test_a_replicaset_of_somebody_s_own_kind_is_held_as_well(server: ApiServer, tmp_path: Path) -> None:
    server.put("pods", pod("p", "ReplicaSet", "web-7f9cd8b5c4"))  # without Kubernetes' own label: a Rollout's
    server.put("horizontalpodautoscalers", scaler("h", "Rollout", "web", metric("cpu")))
    assert row(server, tmp_path, "p").hpa_resources == {"cpu"}


def test_what_cannot_be_meant_is_left_out_and_said(server: ApiServer, tmp_path: Path) -> None:
    server.put("nodes", node_json("c", cpu="lots"))
    server.put("nodes", node_json("new", allocatable={"cpu": "0"}))
    server.put("pods", pod("absurd", "StatefulSet", "db", APP | {"resources": {"requests": {"cpu": "-1"}}}))
    server.put("pods", pod("unbound", "StatefulSet", "db", spec={"nodeName": ""}))
    found = now(server, tmp_path)
    assert [node.name for node in found.nodes] == ["a", "b"]
    assert not found.rows
    assert len(found.notes) == 2
    assert any("shop/absurd is left out" in note for note in found.notes)


def test_who_may_not_list_is_told_what(server: ApiServer, tmp_path: Path) -> None:
    server.answer((403, "{}"))
    with pytest.raises(DependencyUnavailable, match="horizontalpodautoscalers: status 403"):
        now(server, tmp_path)
    server.answer((200, "<html>a gate</html>"))
    with pytest.raises(InvalidValue, match="sent no list"):
        now(server, tmp_path)
