"""Whose pod it is, as the real controllers write it: what runs again and again under new names is one workload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from control_plane.api import Api, JsonObject
from control_plane.fleet import Fleet
from control_plane.manifests import pod
from control_plane.waiting import until
from hydatis_serving.kube.pod_json import PodJson
from hydatis_serving.kube.pods import workload_of

NOBODY = "nobody-schedules-this"


@pytest.fixture
def collections(api: Api, fleet: Fleet) -> Iterator[dict[str, str]]:
    """Where controllers' objects are made; they are gone before the pods are, which they would make again."""
    groups = {"cronjobs": "batch", "jobs": "batch", "deployments": "apps"}
    paths = {kind: f"/apis/{group}/v1/namespaces/{fleet.name}/{kind}" for kind, group in groups.items()}
    yield paths
    for path in paths.values():
        api.delete(path)


def workloads(fleet: Fleet) -> set[str]:
    """Of all pods of the test."""
    return {workload_of(msgspec.json.decode(json.dumps(found), type=PodJson)) for found in fleet.pods().values()}


def template() -> JsonObject:
    """A pod's template that a controller may use."""
    made = pod("unnamed", scheduler=NOBODY, labels={"app": "backup"}, restartPolicy="Never")
    return {"metadata": {"labels": made["metadata"]["labels"]}, "spec": made["spec"]}


def run_due(api: Api, path: str, name: str, ago: timedelta) -> None:
    """Makes the controller run a CronJob's newest time now, as if it had run last so long ago."""
    last = (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.patch(f"{path}/{name}", {"spec": {"suspend": True}})
    api.patch(f"{path}/{name}/status", {"status": {"lastScheduleTime": last}})
    api.patch(f"{path}/{name}", {"spec": {"suspend": False}})


def test_every_run_of_a_cronjob_is_the_same_workload(api: Api, fleet: Fleet, collections: dict[str, str]) -> None:
    path = collections["cronjobs"]
    spec = {"schedule": "* * * * *", "suspend": True, "jobTemplate": {"spec": {"template": template()}}}
    api.create(path, {"metadata": {"name": "nightly-2"}, "spec": spec})
    run_due(api, path, "nightly-2", timedelta(minutes=3))
    until(fleet.pods, "a pod of the CronJob's Job", 90)
    assert workloads(fleet) == {"CronJob/nightly-2"}


def test_a_job_of_nobody_is_its_own_workload_and_a_deployment_s_pods_are_the_deployment_s(
    api: Api, fleet: Fleet, collections: dict[str, str]
) -> None:
    api.create(collections["jobs"], {"metadata": {"name": "once"}, "spec": {"template": template()}})
    spec = template()
    spec["spec"] = spec["spec"] | {"restartPolicy": "Always"}
    deployment = {"replicas": 2, "selector": {"matchLabels": {"app": "backup"}}, "template": spec}
    api.create(collections["deployments"], {"metadata": {"name": "web"}, "spec": deployment})
    until(lambda: len(fleet.pods()) == 3, "the controllers' pods")
    assert workloads(fleet) == {"Job/once", "Deployment/web"}
