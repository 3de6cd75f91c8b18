"""A pod's workload is named alike wherever it is read."""

from __future__ import annotations

import msgspec
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.resources import Resources
from hydatis_serving.kube.pod_json import PodJson
from hydatis_serving.kube.pods import pod_of, workload_of


def owned(kind: str, name: str, pod_name: str = "web-abc-xyz", **labels: str) -> PodJson:
    owner = {"kind": kind, "name": name, "controller": True}
    return msgspec.convert(
        {"metadata": {"name": pod_name, "uid": "u", "labels": labels, "ownerReferences": [owner]}, "spec": {}}, PodJson
    )


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        (owned("ReplicaSet", "web-abc", **{"pod-template-hash": "abc"}), "Deployment/web"),
        (owned("ReplicaSet", "web-abc", **{"rollouts-pod-template-hash": "abc"}), "Rollout/web"),
        (owned("ReplicaSet", "web-abc"), "ReplicaSet/web-abc"),
        (owned("StatefulSet", "db"), "StatefulSet/db"),
        (owned("DaemonSet", "logs"), "DaemonSet/logs"),
        (owned("Job", "backup-29890123", "backup-29890123-x7k2p"), "CronJob/backup"),
        (owned("Job", "import-20261123"), "Job/import-20261123"),
        (owned("Job", "backup-1"), "Job/backup-1"),
        (owned("ReplicaSet", "web-29890123"), "ReplicaSet/web-29890123"),
        (owned("Node", "node-7.example", "kube-proxy-node-7.example"), "Static/kube-proxy"),
        (owned("ReplicaSet", "web-abc", **{"hydatis.io/workload": "Deployment/other"}), "Deployment/other"),
        (msgspec.convert({"metadata": {"name": "bare", "uid": "u"}}, PodJson), ""),
    ],
)
def test_a_workload_is_the_owner_that_makes_like_pods(pod, workload):
    assert workload_of(pod) == workload


def test_a_pod_is_read_with_its_sums():
    asked = {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}}}
    found = pod_of(
        msgspec.convert({"metadata": {"name": "p", "uid": "u"}, "spec": {"containers": [asked], "priority": 7}}, PodJson)
    )
    assert (found.uid, found.namespace, found.priority) == ("u", "default", 7)
    assert (found.requests, found.limits) == (Resources(1.0, 2.0**30), Resources(2.0))


def test_a_pod_without_uid_is_refused():
    with pytest.raises(InvalidValue, match="no uid"):
        pod_of(msgspec.convert({"metadata": {"name": "p"}}, PodJson))
