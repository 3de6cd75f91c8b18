"""Bodies in and bodies out, against what a real kube-scheduler sent and took."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.resources import Resources
from hydatis_scheduler_plugin import convert

SAMPLES = Path(__file__).parent / "samples"
NAMES = ["fake-00000", "fake-00001", "fake-00002"]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def body(**fields: object) -> bytes:
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {}}
    return json.dumps({"Pod": pod, "Nodes": None, "NodeNames": ["a"], **fields}).encode()


def test_the_captured_filter_request_is_read() -> None:
    args = convert.read_args(sample("names-filter.request.json"))
    request = convert.read_pod(args.Pod)
    assert request.scheduler_name == "default-scheduler"
    assert request.pod.uid == "1eb29ad4-b61d-462d-858f-d53d24f22b12"
    assert request.pod.requests == Resources(0.01, 16 * 2**20)
    assert convert.candidate_names(args) == NAMES


def test_keeping_all_names_answers_as_captured() -> None:
    args = convert.read_args(sample("names-filter.request.json"))
    answer = json.loads(convert.filter_body(args, None, args.NodeNames, {}))
    captured = json.loads(sample("names-filter.response.json"))
    assert answer == {"Nodes": None, "FailedAndUnresolvableNodes": None, **captured}


def test_keeping_all_nodes_gives_them_back_byte_for_byte() -> None:
    request = sample("nodes-filter.request.json")
    args = convert.read_args(request)
    assert convert.candidate_names(args) == NAMES
    answer = convert.filter_body(args, None, args.NodeNames, {})
    captured = json.loads(sample("nodes-filter.response.json"))
    assert json.loads(answer) == {"NodeNames": None, "FailedAndUnresolvableNodes": None, **captured}
    items = request[request.index(b'"items":') : request.index(b',"NodeNames"')]
    assert items in answer


def test_a_rejected_node_is_left_out_and_named() -> None:
    kept, kept_names, failed = [True, False, True], convert.names_json([NAMES[0], NAMES[2]]), {NAMES[1]: "too full"}
    nodes = convert.read_args(sample("nodes-filter.request.json"))
    answer = json.loads(convert.filter_body(nodes, kept, kept_names, failed))
    assert [item["metadata"]["name"] for item in answer["Nodes"]["items"]] == [NAMES[0], NAMES[2]]
    assert answer["FailedNodes"] == failed
    assert answer["NodeNames"] is None
    names = convert.read_args(sample("names-filter.request.json"))
    answer = json.loads(convert.filter_body(names, kept, kept_names, failed))
    assert answer["NodeNames"] == [NAMES[0], NAMES[2]]
    assert answer["FailedNodes"] == failed
    assert answer["Nodes"] is None


def test_prioritize_answers_as_captured() -> None:
    assert json.loads(convert.prioritize_body(NAMES, [5, 5, 5])) == json.loads(sample("names-prioritize.response.json"))


def test_no_candidates_are_none() -> None:
    for empty in (body(NodeNames=[]), body(NodeNames=None), body(NodeNames=None, Nodes={"items": None})):
        args = convert.read_args(empty)
        assert convert.candidate_names(args) == []
        answer = json.loads(convert.filter_body(args, None, args.NodeNames, {}))
        assert (answer["NodeNames"], answer["Nodes"]) in (([], None), (None, {"metadata": {}, "items": []}))


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"Pod":',
        b'{"Pod":null}',
        b'{"Pod":{"metadata":{"name":"\xff"}}}',
        b'{"Pod":' + b"[" * 100_000,
        body(Pod=7),
        body(Pod={"metadata": {"uid": 7}}),
        body(Pod={"metadata": {"uid": "u" * 254}}),
        body(Pod={"metadata": {"uid": "u"}, "spec": {"priority": 2**40}}),
        body(Nodes=[]),
    ],
)
def test_a_wrong_body_is_refused_in_one_sentence(wrong: bytes) -> None:
    with pytest.raises(InvalidValue) as refused:
        convert.read_args(wrong)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "wrong", [body(NodeNames="a"), body(NodeNames=[7]), body(NodeNames=None, Nodes={"items": [{"metadata": {}}]})]
)
def test_wrong_candidates_are_refused(wrong: bytes) -> None:
    with pytest.raises(InvalidValue, match="candidates"):
        convert.candidate_names(convert.read_args(wrong))


def test_a_pod_without_uid_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no uid"):
        convert.read_pod(convert.read_args(body(Pod={"metadata": {"name": "p"}})).Pod)


@pytest.mark.parametrize(
    ("metadata", "workload"),
    [
        ({}, ""),
        ({"labels": {"hydatis.io/workload": "vm/7"}}, "vm/7"),
        ({"ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": True}]}, "StatefulSet/db"),
        (
            {
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d7f", "controller": True}],
                "labels": {"pod-template-hash": "5d7f"},
            },
            "Deployment/web",
        ),
        ({"ownerReferences": [{"kind": "Node", "name": "n"}, {"kind": "Job", "name": "j", "controller": True}]}, "Job/j"),
    ],
)
def test_the_workload_is_the_owner_that_makes_like_pods(metadata: dict[str, object], workload: str) -> None:
    args = convert.read_args(body(Pod={"metadata": {"uid": "u", **metadata}}))
    assert convert.read_pod(args.Pod).pod.workload == workload


def test_an_error_answer_sets_the_error_field() -> None:
    answer = msgspec.json.decode(convert.error_body("Pod.metadata.uid: the pod has no uid"))
    assert answer["Error"] == "Pod.metadata.uid: the pod has no uid"
    assert answer["NodeNames"] is None
