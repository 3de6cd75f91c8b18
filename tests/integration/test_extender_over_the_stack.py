"""The extender's contract over the whole stack: captured requests of a real kube-scheduler, and input that nobody should send.

The shim's own tests hold the same against peers that a test controls; here nothing is a stand-in, and no process may be lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources

SAMPLES = Path(__file__).resolve().parents[2] / "services" / "scheduler-plugin" / "tests" / "samples"
NAMES = ("fake-00000", "fake-00001", "fake-00002")
FIRST = 1_700_000_100
#: Fields of ExtenderFilterResult, as Go writes them.
FILTER_FIELDS = {"Nodes", "NodeNames", "FailedNodes", "FailedAndUnresolvableNodes", "Error"}


@pytest.fixture(scope="module")
def cluster(stack: Stack) -> None:
    """The nodes of the captured requests, measured for three ticks."""
    feed = StackFeed(stack.features_address, stack.extender_url)
    feed.on_nodes([Node(name, Resources(32.0, 128.0 * 2**30)) for name in NAMES], 300.0, 15.0)
    for tick in range(FIRST, FIRST + 900, 300):
        usage = np.full((3, 6), np.nan, dtype=np.float32)
        usage[:, 0], usage[:, 1] = (2.0, 3.0, 4.0), 2.0**33
        feed.on_tick(tick, tick - 15.0, usage, [], np.empty((0, 2), dtype=np.float32))
    feed.close()


@pytest.fixture
def extender(stack: Stack, cluster: None) -> Iterator[ExtenderClient]:
    client = ExtenderClient(stack.extender_url, timeout_seconds=10)
    yield client
    client.close()


def args(names: Any = NAMES, **pod: Any) -> dict[str, Any]:
    return {"Pod": pod_json(Pod("u", "p", requests=Resources(1.0, 2.0**30))) | pod, "Nodes": None, "NodeNames": names}


def with_containers(*containers: Any) -> dict[str, Any]:
    whole = args()
    whole["Pod"]["spec"]["containers"] = list(containers)
    return whole


def asks(cpu: Any) -> dict[str, Any]:
    return with_containers({"name": "c", "resources": {"requests": {"cpu": cpu}}})


# --- what kube-scheduler sends


@pytest.mark.parametrize("sample", ["names", "nodes"])
def test_a_captured_filter_request_is_answered_with_every_field_of_the_contract(sample: str, extender: ExtenderClient) -> None:
    body = (SAMPLES / f"{sample}-filter.request.json").read_bytes()
    status, answer = extender.post("filter", body)
    told = json.loads(answer)
    sent, wanted = json.loads(body), json.loads((SAMPLES / f"{sample}-filter.response.json").read_text())
    assert status == 200
    assert set(told) == FILTER_FIELDS
    assert told["Error"] == ""
    assert told["FailedNodes"] == {}
    if sample == "names":  # nodeCacheCapable: names in, names out, and Nodes unset
        assert told["NodeNames"] == wanted["NodeNames"] == list(NAMES)
        assert told["Nodes"] is None
    else:  # whole nodes in, the same whole nodes out
        assert told["Nodes"]["items"] == sent["Nodes"]["items"]
        assert told["NodeNames"] is None


def test_a_captured_prioritize_request_gets_one_score_per_node_in_its_order(extender: ExtenderClient) -> None:
    body = (SAMPLES / "names-prioritize.request.json").read_bytes()
    status, answer = extender.post("prioritize", body)
    told = json.loads(answer)
    assert status == 200
    assert [entry["Host"] for entry in told] == json.loads(body)["NodeNames"]
    assert all(set(entry) == {"Host", "Score"} for entry in told)
    assert all(isinstance(entry["Score"], int) and 0 <= entry["Score"] <= 10 for entry in told)
    assert max(entry["Score"] for entry in told) == 10


def test_filter_and_prioritize_of_one_pod_are_one_decision(extender: ExtenderClient) -> None:
    pod = pod_json(Pod("one-decision", "one-decision", requests=Resources(1.0, 2.0**30)))
    kept = extender.filter(pod, NAMES)["NodeNames"]
    scores = extender.prioritize(pod, kept)
    (record,) = extender.get_json("/decisions?pod=one-decision&limit=10", timeout_seconds=10)["decisions"]
    assert record["rung"] == "full"
    assert {reason["node_name"]: reason["score"] for reason in record["top"]} == scores
    assert record["chosen_node"] == max(kept, key=lambda name: scores[name])
    assert record["generation"] == FIRST + 600


def test_the_same_question_over_whole_nodes_and_over_names_gets_the_same_scores(extender: ExtenderClient) -> None:
    pod = pod_json(Pod("two-forms", "two-forms", requests=Resources(1.0, 2.0**30)))
    items = [{"metadata": {"name": name}} for name in NAMES]
    _, by_nodes = extender.post("prioritize", json.dumps({"Pod": pod, "Nodes": {"items": items}, "NodeNames": None}).encode())
    scores = {entry["Host"]: entry["Score"] for entry in json.loads(by_nodes)}
    assert scores == extender.prioritize(pod, NAMES)


# --- what nobody should send

#: (what it is, body, status wanted, names kept where it is 200)
TABLE: list[tuple[str, bytes, int, list[str] | None]] = [
    ("nothing", b"", 400, None),
    ("half a JSON", b'{"Pod": {"metadata"', 400, None),
    ("not UTF-8", b'{"Pod": "\xff\xfe"}', 400, None),
    ("a list", b"[]", 400, None),
    ("null", b"null", 400, None),
    ("a number as pod", b'{"Pod": 3, "NodeNames": []}', 400, None),
    ("a number as names", json.dumps(args(names=7)).encode(), 400, None),
    ("numbers among names", json.dumps(args(names=["fake-00000", 7])).encode(), 400, None),
    ("a list too deep", b"[" * 500_000, 400, None),
    ("10 MB of nothing", b" " * 10_000_000, 400, None),
    ("10 MB of letters", b"x" * 10_000_000, 400, None),
    ("10 MB that are right", json.dumps(args(status={"message": "x" * 10_000_000})).encode(), 200, list(NAMES)),
    ("40 MB", b" " * 40_000_000, 413, None),
    ("no uid", json.dumps(args(metadata={"name": "p"})).encode(), 400, None),
    ("no node", json.dumps(args(names=[])).encode(), 200, []),
    ("null as names", json.dumps(args(names=None)).encode(), 200, []),
    ("one node", json.dumps(args(names=["fake-00001"])).encode(), 200, ["fake-00001"]),
    ("unknown nodes", json.dumps(args(names=["x", "y"])).encode(), 200, ["x", "y"]),
    ("an unknown node among known ones", json.dumps(args(names=[*NAMES, "new"])).encode(), 200, [*NAMES, "new"]),
    ("a node twice", json.dumps(args(names=["fake-00001", *NAMES])).encode(), 200, ["fake-00001", *NAMES]),
    ("an empty name", json.dumps(args(names=["", *NAMES])).encode(), 200, ["", *NAMES]),
    (
        "20,000 unknown nodes",
        json.dumps(args(names=[f"n{i}" for i in range(20_000)])).encode(),
        200,
        [f"n{i}" for i in range(20_000)],
    ),
    ("20,000 times the same node", json.dumps(args(names=["fake-00000"] * 20_000)).encode(), 200, ["fake-00000"] * 20_000),
    ("a pod without requests", json.dumps(with_containers({"name": "c"})).encode(), 200, list(NAMES)),
    ("a pod without containers", json.dumps(with_containers()).encode(), 200, list(NAMES)),
    ("1e30 cores", json.dumps(asks("1e30")).encode(), 400, None),
    ("1e400 cores", json.dumps(asks("1e400")).encode(), 400, None),
    ("negative cores", json.dumps(asks("-1")).encode(), 400, None),
    ("NaN cores", json.dumps(asks("NaN")).encode(), 400, None),
    ("many cores", json.dumps(asks("many")).encode(), 400, None),
    ("cores as a list", json.dumps(asks([1])).encode(), 400, None),
    ("more cores than any node has", json.dumps(asks("100000")).encode(), 200, list(NAMES)),
]


@pytest.mark.parametrize(("what", "body", "status", "kept"), TABLE, ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("verb", ["filter", "prioritize"])
def test_it_gets_one_clear_sentence_or_a_valid_answer(
    verb: str,
    what: str,
    body: bytes,
    status: int,
    kept: list[str] | None,
    extender: ExtenderClient,
    pids: Callable[[], dict[str, int]],
) -> None:
    before = pids()
    got, answer = extender.post(verb, body)
    told = json.loads(answer)
    assert got == status
    if status != 200:
        assert told["Error"]
        assert len(told["Error"]) < 400
        assert "\n" not in told["Error"]
        assert "Traceback" not in answer.decode()
    elif verb == "filter":
        assert told["NodeNames"] == kept
        assert told["Error"] == ""
    else:
        assert [entry["Host"] for entry in told] == kept
        assert all(0 <= entry["Score"] <= 10 for entry in told)
    assert extender.get_json("/healthz", timeout_seconds=10) == {"alive": True}
    assert pids() == before


def test_after_all_of_it_decisions_stand_on_the_full_rung(extender: ExtenderClient) -> None:
    assert extender.get_json("/readyz", timeout_seconds=10)["rung"] == "full"
