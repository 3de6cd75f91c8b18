"""Whoever can reach the REST port may try anything: the process lives, its memory is bounded, and others are answered."""

from __future__ import annotations

import contextlib
import gzip
import socket
from pathlib import Path

import pytest

CONNECTIONS = 100
ATTACKER = "127.0.0.2"
INFER = "/v2/models/placement-policy/infer"


@pytest.fixture(scope="module")
def server(kit, serve_all_session, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    kit.publish_q(models, "1.0.0")
    settings = {"max-connections-count": CONNECTIONS, "arrival-seconds": 1, "max-message-bytes": 2**20}
    running = serve_all_session(models, "placement-policy", **settings)
    running.wait_for("listening")
    return running


def connect(server) -> socket.socket:
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=15, source_address=(ATTACKER, 0))


def said(one: socket.socket) -> bytes:
    """What the server says until it ends the connection; it fails when the server goes on waiting."""
    answer = b""
    try:
        while part := one.recv(65536):
            answer += part
    except ConnectionError:
        pass
    one.close()
    return answer


def is_well(server) -> bool:
    return server.rest("/v2/health/ready") == (200, {"ready": True})


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST " + INFER.encode(),
        b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST " + INFER.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["nothing", "a line", "a header", "a body"],
)
def test_what_does_not_arrive_is_not_waited_for(server, beginning):
    attacking = connect(server)
    attacking.sendall(beginning)
    said(attacking)
    assert is_well(server)


def test_idle_connections_of_one_neighbour_leave_room_for_others(server):
    attacking = [connect(server) for _ in range(400)]
    assert is_well(server)
    assert [said(one) for one in attacking] == [b""] * len(attacking)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /v2 HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 300_000,
        b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * 2**21,
        b"GET /" + b"x" * 2**21,
        b"POST /v2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 64,
    ],
    ids=["headers", "a header", "a path", "chunks"],
)
def test_what_never_ends_is_cut_off(server, data):
    attacking = connect(server)
    with contextlib.suppress(ConnectionError):
        attacking.sendall(data)
    said(attacking)
    assert is_well(server)


def test_packed_bodies_are_not_unpacked_and_deep_json_is_refused(server):
    deep = b'{"inputs":' + b"[" * 400_000
    closed = b'{"inputs":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    for body in (gzip.compress(b" " * 2**26), deep, closed):
        assert server.rest(INFER, body)[0] == 400
    assert is_well(server)


def test_after_all_of_it_memory_is_bounded_and_nothing_was_a_defect(server):
    fields = Path(f"/proc/{server.process.pid}/status").read_text().split("VmHWM:")[1].split()
    assert int(fields[0]) / 1024 < 350
    assert not [line for line in server.lines if "Traceback" in line or "defect" in line]
