"""What nodes and pods of the API server count for."""

from __future__ import annotations

import json

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.resources import Resources
from hydatis_serving.events import PodEventKind
from hydatis_serving.kube.objects import read_node, read_pod
from hydatis_serving.kube.pod_resources import GPU_RESOURCES
from hydatis_serving.testing_api_server import node_json, pod_json

GIB = 2.0**30
NOW = 1_700_000_000.0


def node(thing):
    return read_node(json.dumps(thing).encode(), GPU_RESOURCES)


def pod(thing, **more):
    return read_pod(json.dumps(thing).encode(), GPU_RESOURCES, NOW, **more)


def test_a_node_is_read_with_what_it_can_give_and_the_addresses_it_answers_to():
    seen = node(node_json("n1", "7910m", "31Gi"))
    assert seen.node == Node("n1", Resources(7.91, 31 * GIB), 110)
    assert seen.addresses == ("n1", "ip-of-n1")


@pytest.mark.parametrize(
    "state",
    [
        {"spec": {"unschedulable": True, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}},
        {"spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}},
    ],
    ids=["cordoned", "not ready"],
)
def test_a_node_that_takes_no_pods_now_is_a_node_all_the_same(state):
    assert node(node_json("n1", **state)).node is not None


@pytest.mark.parametrize("allocatable", [{"cpu": "0"}, {"memory": "0"}])
def test_a_node_that_has_nothing_to_give_yet_is_none(allocatable):
    assert node(node_json("n1", allocatable=allocatable)).node is None
    assert node({"metadata": {"name": "n1"}, "status": {}}).node is None


@pytest.mark.parametrize(
    ("allocatable", "labels", "devices"),
    [
        ({"nvidia.com/gpu": "2"}, {"nvidia.com/gpu.product": "A100"}, (GpuDevice(0, "A100"), GpuDevice(1, "A100"))),
        ({"nvidia.com/gpu": "1", "alibabacloud.com/gpu-count": "1", "alibabacloud.com/gpu-milli": "1000"}, {}, (GpuDevice(0),)),
        ({"alibabacloud.com/gpu-count": "1"}, {"alibabacloud.com/gpu-card-model": "T4"}, (GpuDevice(0, "T4"),)),
        ({"example.com/fpga": "4"}, {}, ()),
    ],
)
def test_gpus_of_a_node_are_counted_once_whoever_names_them(allocatable, labels, devices):
    found = node(node_json("n1", allocatable=allocatable, labels=labels)).node
    assert found is not None
    assert found.gpu_devices == devices
    assert found.allocatable.gpu_count == len(devices)


@pytest.mark.parametrize("allocatable", [{"cpu": "much"}, {"nvidia.com/gpu": "5000"}, {"memory": "-1"}])
def test_a_node_with_amounts_that_cannot_be_meant_is_refused(allocatable):
    with pytest.raises(InvalidValue):
        node(node_json("n1", allocatable=allocatable))


#: What a pod says of itself, and what it means.
PODS = [
    ("running", {"node": "n1"}, {}, PodEventKind.BOUND),
    ("pulling its images", {"node": "n1", "phase": "Pending"}, {}, PodEventKind.BOUND),
    ("being deleted", {"node": "n1", "deletionTimestamp": "2023-11-14T22:13:20Z"}, {}, PodEventKind.BOUND),
    ("of a DaemonSet", {"node": "n1", "ownerReferences": [{"kind": "DaemonSet", "name": "logs"}]}, {}, PodEventKind.BOUND),
    ("static", {"node": "n1", "annotations": {"kubernetes.io/config.mirror": "x"}}, {}, PodEventKind.BOUND),
    ("unknown", {"node": "n1", "phase": "Unknown"}, {}, PodEventKind.BOUND),
    ("not bound", {"phase": "Pending"}, {}, None),
    ("succeeded", {"node": "n1", "phase": "Succeeded"}, {}, PodEventKind.ENDED),
    ("failed or evicted", {"node": "n1", "phase": "Failed"}, {}, PodEventKind.ENDED),
    ("deleted", {"node": "n1"}, {"deleted": True}, PodEventKind.ENDED),
    ("deleted before it was bound", {"phase": "Pending"}, {"deleted": True}, PodEventKind.ENDED),
]


@pytest.mark.parametrize(("fields", "told", "meaning"), [row[1:] for row in PODS], ids=[row[0] for row in PODS])
def test_a_pod_takes_its_requests_from_the_bind_until_it_is_gone(fields, told, meaning):
    event = pod(pod_json("p", **fields), **told)
    assert (None if event is None else event.kind) == meaning
    if event is not None:
        assert event.pod.uid == "uid-p"


def test_a_pod_is_summed_by_the_rule_of_the_extender():
    thing = pod_json("p", "n1", cpu="1", memory="1Gi")
    thing["spec"]["initContainers"] = [{"restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}}]
    thing["spec"]["overhead"] = {"memory": "64Mi"}
    assert pod(thing).pod.requests == Resources(1.5, GIB + 64 * 2.0**20)
    thing["spec"]["resources"] = {"requests": {"cpu": "4"}}
    assert pod(thing).pod.requests.cpu_cores == 4.0


@pytest.mark.parametrize(
    ("status", "bind_time_seconds"),
    [
        ({"conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2023-11-14T22:00:00Z"}]}, NOW - 800),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "lastTransitionTime": "2023-11-14T22:00:00Z"}]}, NOW),
        ({"conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2033-11-14T22:00:00Z"}]}, NOW),
        ({"startTime": "2023-11-14T22:00:00Z"}, NOW - 800),
        ({}, NOW),
    ],
)
def test_a_bind_has_the_time_that_the_pod_says_but_none_to_come(status, bind_time_seconds):
    thing = pod_json("p", "n1")
    thing["status"] |= status
    assert pod(thing).event_time_seconds == bind_time_seconds


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"metadata": {}}', b'{"metadata": {"uid": 7}}', b'{"spec": {"nodeName": "n1"}}', b"\xff"]
)
def test_what_is_no_pod_is_refused(text):
    with pytest.raises(InvalidValue):
        read_pod(text, GPU_RESOURCES, NOW, deleted=True)
