"""Whose pod it is, as the real controllers write it: what runs again and again under new names is one workload."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
from control_plane.api import Api, JsonObject
from control_plane.fleet import Fleet, until
from control_plane.manifests import pod
from hydatis_serving.kube.pod_json import PodJson
from hydatis_serving.kube.pods import workload_of

NOBODY = "nobody-schedules-this"


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


def test_every_run_of_a_cronjob_is_the_same_workload(api: Api, fleet: Fleet) -> None:
    path = f"/apis/batch/v1/namespaces/{fleet.name}/cronjobs"
    spec = {"schedule": "* * * * *", "suspend": True, "jobTemplate": {"spec": {"template": template()}}}
    api.create(path, {"metadata": {"name": "nightly-2"}, "spec": spec})
    run_due(api, path, "nightly-2", timedelta(minutes=3))
    until(fleet.pods, "a pod of the CronJob's Job", 90)
    assert workloads(fleet) == {"CronJob/nightly-2"}
    api.delete(f"{path}/nightly-2")


def test_a_job_of_nobody_is_its_own_workload_and_a_deployment_s_pods_are_the_deployment_s(api: Api, fleet: Fleet) -> None:
    api.create(f"/apis/batch/v1/namespaces/{fleet.name}/jobs", {"metadata": {"name": "once"}, "spec": {"template": template()}})
    spec = template()
    spec["spec"] = spec["spec"] | {"restartPolicy": "Always"}
    deployment = {"replicas": 2, "selector": {"matchLabels": {"app": "backup"}}, "template": spec}
    api.create(f"/apis/apps/v1/namespaces/{fleet.name}/deployments", {"metadata": {"name": "web"}, "spec": deployment})
    until(lambda: len(fleet.pods()) == 3, "the controllers' pods")
    assert workloads(fleet) == {"Job/once", "Deployment/web"}
