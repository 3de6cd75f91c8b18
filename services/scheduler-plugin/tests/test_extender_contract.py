"""The extender contract of kube-scheduler, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


async def raw(world: Any, request: bytes) -> bytes:
    """What the server says to bytes on a socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.app.http_port)
    writer.write(request)
    writer.write_eof()
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


async def kept_alive(world: Any, requests: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Head and body of each answer over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.app.http_port)
    answers = []
    async with asyncio.timeout(5):
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            answers.append((head, await reader.readexactly(length)))
    writer.close()
    return answers


@pytest.mark.parametrize("world", [{"url_prefix": "/ext"}], indirect=True)
async def test_the_captured_request_of_a_kube_scheduler_gets_the_captured_answer(world: Any, make: Any) -> None:
    lines, _, sent = (make.SAMPLES / "names-filter.request.http").read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    ((head, body),) = await kept_alive(world, [lines.replace(b"\n", b"\r\n") + b"\r\n\r\n" + sent])
    assert head.startswith(b"HTTP/1.1 200 OK")
    wanted = json.loads((make.SAMPLES / "names-filter.response.json").read_text())
    assert json.loads(body) == {"Nodes": None, "FailedAndUnresolvableNodes": None, **wanted}


async def test_whole_nodes_come_back_whole(world: Any, make: Any) -> None:
    await world.whole(p95=[0.2, 0.99, 0.2])
    request = (make.SAMPLES / "nodes-filter.request.json").read_bytes()
    status, answer = await world.post("/filter", request)
    assert status == 200
    offered = json.loads(request)["Nodes"]["items"]
    assert answer["Nodes"]["items"] == [offered[0], offered[2]]
    assert answer["NodeNames"] is None
    assert list(answer["FailedNodes"]) == ["fake-00001"]
    assert answer["FailedAndUnresolvableNodes"] is None
    kept = {**json.loads(request), "Nodes": answer["Nodes"]}
    status, scores = await world.post("/prioritize", kept)
    assert [entry["Host"] for entry in scores] == ["fake-00000", "fake-00002"]
    assert len(world.placement.queries) == 1


async def test_no_candidates_get_no_candidates(world: Any) -> None:
    await world.whole()
    for empty in ([], None):
        status, answer = await world.post("/filter", {**world.args(), "NodeNames": empty})
        assert (status, answer["NodeNames"], answer["Error"]) == (200, [], "")
        assert await world.post("/prioritize", {**world.args(), "NodeNames": empty}) == (200, [])


async def test_one_candidate_is_kept(world: Any) -> None:
    await world.whole()
    filtered, scores = await world.schedule(world.args(["fake-00001"]))
    assert (filtered["NodeNames"], scores) == (["fake-00001"], {"fake-00001": 10})


async def test_a_node_that_the_table_lacks_is_kept_and_scores_the_median(world: Any) -> None:
    await world.whole()
    filtered, scores = await world.schedule(world.args(["fake-00000", "new", "fake-00001", "fake-00002"]))
    assert filtered["NodeNames"] == ["fake-00000", "new", "fake-00001", "fake-00002"]
    assert scores == {"fake-00000": 10, "fake-00001": 5, "fake-00002": 0, "new": 5}


async def test_a_repeated_name_is_answered_as_often_as_it_was_asked(world: Any) -> None:
    await world.whole(p95=[0.2, 0.99, 0.2])
    names = ["fake-00002", "fake-00000", "fake-00001", "fake-00002", "new", "new"]
    args = world.args(names)
    _, filtered = await world.post("/filter", args)
    assert filtered["NodeNames"] == ["fake-00002", "fake-00000", "fake-00002", "new", "new"]
    _, scores = await world.post("/prioritize", args)
    assert [entry["Host"] for entry in scores] == names
    assert [entry["Score"] for entry in scores] == [0, 10, 0, 0, 0, 0]


async def test_20_000_nodes_are_answered(world: Any) -> None:
    await world.whole(count=20_000)
    filtered, scores = await world.schedule(world.args(count=20_000))
    assert len(filtered["NodeNames"]) == len(scores) == 20_000
    assert scores["fake-00000"] == 10


async def test_scores_are_whole_numbers_from_0_to_10_one_per_name(world: Any) -> None:
    await world.whole(count=50)
    world.placement.utility = lambda query: np.linspace(-1e9, 1e9, query.rows.size, dtype=np.float32)
    args = world.args(count=50)
    _, scores = await world.post("/prioritize", args)
    assert [entry["Host"] for entry in scores] == args["NodeNames"]
    assert {type(entry["Score"]) for entry in scores} == {int}
    assert {entry["Score"] for entry in scores} == set(range(11))


async def test_a_pod_without_requests_is_placed(world: Any) -> None:
    await world.whole()
    filtered, _ = await world.schedule(world.args(containers=[{"name": "c"}]))
    assert len(filtered["NodeNames"]) == 3


@pytest.mark.parametrize("quantity", ["1e30", "-5", "many", "1e400", None, {}, [1]])
@pytest.mark.parametrize("verb", ["/filter", "/prioritize"])
async def test_an_absurd_quantity_is_refused_in_one_sentence(world: Any, verb: str, quantity: Any) -> None:
    status, answer = await world.post(verb, world.args(containers=[{"resources": {"requests": {"cpu": quantity}}}]))
    assert status == 400
    assert "cpu" in answer["Error"] or "Expected" in answer["Error"]
    assert "\n" not in answer["Error"]
    assert "Traceback" not in answer["Error"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"Pod":3}', b"\x00\xff", b"[" * 200_000, b"x" * 10_000_000])
async def test_a_body_that_is_none_is_refused(world: Any, body: bytes) -> None:
    status, answer = await world.post("/filter", body)
    assert status == 400
    assert answer["Error"]


async def test_a_body_of_10_mb_that_is_right_is_answered(world: Any) -> None:
    args = world.args()
    args["Pod"]["metadata"]["annotations"] = {"note": "x" * 10_000_000}
    status, answer = await world.post("/filter", args)
    assert (status, answer["NodeNames"]) == (200, args["NodeNames"])


@pytest.mark.parametrize("world", [{"max_body_bytes": 65536}], indirect=True)
async def test_a_body_over_the_limit_is_refused(world: Any) -> None:
    status, answer = await world.post("/filter", b" " * 70_000)
    assert (status, answer["Error"]) == (413, "body: larger than 65536 bytes")


async def test_unknown_paths_and_methods_are_named_as_json(world: Any) -> None:
    status, answer = await world.post("/bind", {})
    assert (status, "/bind is not here" in answer["Error"]) == (404, True)
    status, answer = await world.get("/filter")
    assert (status, answer["Error"]) == (405, "/filter does not take GET")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /filter HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{}",
        b"POST /filter HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /filter HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n{}",
        b"POST /filter HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
async def test_broken_http_costs_the_process_nothing(world: Any, request_bytes: bytes) -> None:
    answer = await raw(world, request_bytes)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"Traceback" not in answer
    assert await world.get("/healthz") == (200, {"alive": True})


async def test_one_connection_is_kept_for_many_requests(world: Any) -> None:
    body = json.dumps(world.args()).encode()
    request = b"POST /filter HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    answers = await kept_alive(world, [request] * 3)
    assert [head.split(b"\r\n")[0] for head, _ in answers] == [b"HTTP/1.1 200 OK"] * 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
QUANTITY = st.one_of(st.sampled_from(["1", "100m", "2Gi", "1e30", "-1", "", "0.5", "1E", "9" * 70]), JSON)
RESOURCES = st.fixed_dictionaries(
    {}, optional={"requests": st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu", "x"]), QUANTITY)}
)
CONTAINER = st.fixed_dictionaries({}, optional={"resources": st.one_of(RESOURCES, JSON), "restartPolicy": JSON})
SPEC = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.one_of(st.lists(CONTAINER, max_size=3), JSON),
        "initContainers": st.lists(CONTAINER, max_size=2),
        "priority": JSON,
    },
)
METADATA = st.fixed_dictionaries(
    {}, optional={"uid": st.one_of(st.text(max_size=10), JSON), "name": st.text(max_size=5), "labels": JSON}
)
NAMES = st.one_of(st.lists(st.sampled_from(["fake-00000", "fake-00001", "fake-00002", "new", ""]), max_size=6), JSON)
ARGS = st.fixed_dictionaries(
    {},
    optional={
        "Pod": st.one_of(st.fixed_dictionaries({}, optional={"metadata": METADATA, "spec": SPEC}), JSON),
        "NodeNames": NAMES,
        "Nodes": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {
                    "items": st.lists(
                        st.one_of(st.builds(lambda n: {"metadata": {"name": n}}, st.text(max_size=4)), JSON), max_size=3
                    )
                }
            ),
        ),
    },
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(args=st.one_of(ARGS, JSON), verb=st.sampled_from(["/filter", "/prioritize"]))
async def test_whatever_json_comes_the_answer_is_valid_or_a_400(world: Any, args: Any, verb: str) -> None:
    if world.memory.footing is None:
        await world.whole()
    status, answer = await world.post(verb, args)
    assert status in (200, 400)
    if status == 400:
        assert answer["Error"]
        assert "\n" not in answer["Error"]
        return
    names = args.get("NodeNames")
    if names is None:
        names = [item["metadata"]["name"] for item in ((args.get("Nodes") or {}).get("items") or [])]
    if verb == "/prioritize":
        assert [entry["Host"] for entry in answer] == names
        assert all(0 <= entry["Score"] <= 10 for entry in answer)
    else:
        kept = (
            answer["NodeNames"]
            if answer["NodeNames"] is not None
            else [item["metadata"]["name"] for item in answer["Nodes"]["items"]]
        )
        assert kept == names
