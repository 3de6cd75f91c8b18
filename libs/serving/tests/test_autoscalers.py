"""Who else decides about a workload's requests, from the JSON of the API server."""

from __future__ import annotations

from typing import Any

import msgspec
from hydatis_serving.kube.autoscalers import HorizontalPodAutoscaler, VerticalPodAutoscaler, targets_for

METADATA = {"name": "web", "namespace": "shop"}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def horizontal(*metrics: dict[str, Any]) -> HorizontalPodAutoscaler:
    found = {"metadata": METADATA, "spec": {"scaleTargetRef": TARGET, "metrics": list(metrics)}}
    return msgspec.json.decode(msgspec.json.encode(found), type=HorizontalPodAutoscaler)


def metric(name: str, kind: str, container: str = "") -> dict[str, Any]:
    told = {"name": name, "target": {"type": kind}} | ({"container": container} if container else {})
    return {"type": "ContainerResource", "containerResource": told} if container else {"type": "Resource", "resource": told}


def test_an_autoscaler_goes_by_utilisation_of_what_it_says() -> None:
    assert horizontal(metric("memory", "Utilization")).utilisation_of == {("", "memory")}
    assert horizontal(metric("cpu", "Utilization", "app")).utilisation_of == {("app", "cpu")}
    assert horizontal(metric("cpu", "AverageValue")).utilisation_of == frozenset()
    assert horizontal(metric("cpu", "AverageValue"), metric("memory", "Utilization")).utilisation_of == {("", "memory")}
    assert horizontal({"type": "External"}).utilisation_of == frozenset()
    assert horizontal().utilisation_of == {("", "cpu")}, "without metrics it goes by CPU"


def test_an_autoscaler_is_for_a_workload() -> None:
    assert horizontal().workload == ("shop", "Deployment/web")
    vertical = msgspec.json.encode({"metadata": METADATA, "spec": {"targetRef": TARGET, "updatePolicy": {"updateMode": "Off"}}})
    assert msgspec.json.decode(vertical, type=VerticalPodAutoscaler).workload == ("shop", "Deployment/web")


def test_an_autoscaler_of_whoever_made_a_replica_set_is_not_overlooked() -> None:
    deployment, rollout, empty = ("shop", "Deployment/web"), ("shop", "Rollout/api"), ("shop", "/")
    targets = {deployment: 1, rollout: 2, empty: 3}
    assert targets_for(deployment, targets) == [deployment]
    assert targets_for(("shop", "ReplicaSet/web-7f9cd8b5c4"), targets) == [deployment]
    assert targets_for(("shop", "ReplicaSet/api-7f9cd8b5c4"), targets) == [rollout]
    itself = ("shop", "ReplicaSet/web-1")
    assert targets_for(itself, [deployment, itself]) == [itself, deployment]
    for other in ("ReplicaSet/db-7f9cd8b5c4", "ReplicaSet/web", "StatefulSet/web", "StatefulSet/web-0"):
        assert targets_for(("shop", other), targets) == []
    assert targets_for(("bar", "ReplicaSet/web-7f9cd8b5c4"), targets) == []
