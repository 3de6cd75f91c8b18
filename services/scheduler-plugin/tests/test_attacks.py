"""Whoever can reach the extender may try anything: the process lives, its memory is bounded, and kube-scheduler gets its answers.

The plugin is a process of its own, asked over real sockets. Its peers are not there: it abstains, which is an answer. What an
attacker may cost at most is time on the port; after each attack a pod is asked about.
"""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BODY_LIMIT_BYTES = 2**20
CONNECTIONS = 200
POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": []}}
ARGS = {"Pod": POD, "Nodes": None, "NodeNames": ["a", "b"]}
ATTACKER = "127.0.0.2"


class Plugin:
    """A running plugin."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def connect(self, source: str = ATTACKER) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15, source_address=(source, 0))

    def request(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, source: str = ATTACKER) -> Any:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15, source_address=(source, 0))
        try:
            connection.request("GET" if body is None else "POST", path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether kube-scheduler, on another address, gets both of its answers."""
        body = json.dumps(ARGS).encode()
        status, _, kept = self.request("/filter", body, source="127.0.0.1")
        scored, _, scores = self.request("/prioritize", body, source="127.0.0.1")
        return (status, json.loads(kept)["NodeNames"], scored, len(json.loads(scores))) == (200, ["a", "b"], 200, 2)

    @property
    def memory_mib(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/status").read_text().split("VmHWM:")[1].split()
        return int(fields[0]) / 1024


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin]:
    folder = tmp_path_factory.mktemp("plugin")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "http-port": port,
        "max-body-bytes": BODY_LIMIT_BYTES,
        "max-connections-count": CONNECTIONS,
        "arrival-seconds": 1,
        "max-decisions-count": 4,
        "decisions-dir": folder / "decisions",
    }
    command = [sys.executable, "-m", "hydatis_scheduler_plugin", *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
        running = Plugin(process, port, folder / "log")
        for _ in range(600):
            try:
                running.connect().close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        assert running.answers()
        yield running
        process.terminate()
        assert process.wait(20) == 0
    said = (folder / "log").read_text()
    assert "a request failed" not in said
    assert "Traceback" not in said


def closed(attacking: list[socket.socket]) -> int:
    """How many connections the server ended."""
    count = 0
    for one in attacking:
        try:
            while one.recv(65536):
                pass
            count += 1
        except ConnectionError:
            count += 1
        except TimeoutError:
            pass
        one.close()
    return count


def test_a_huge_body_is_refused_before_it_is_read(plugin: Plugin) -> None:
    with plugin.connect() as attacking:
        attacking.sendall(b"POST /filter HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n")
        assert b" 413 " in attacking.recv(65536)
    with plugin.connect() as attacking:
        attacking.sendall(b"POST /filter HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        try:
            for _ in range(64):
                attacking.sendall(chunk)
        except ConnectionError:
            pass
        else:
            assert b" 413 " in attacking.recv(65536)
    assert plugin.answers()


def test_heads_and_bodies_that_trickle_are_cut_off(plugin: Plugin) -> None:
    beginnings = {
        b"": 0,
        b"POST /filter HT": 0,
        b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Slow: ": 0,
        b"POST /filter HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{": 0,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /fil": 0,  # one whole request, then a trickle
    }
    attacking = []
    for beginning in beginnings:
        one = plugin.connect()
        one.sendall(beginning)
        attacking.append(one)
    going = threading.Event()

    def trickle() -> None:
        while not going.wait(0.2):
            for one, beginning in zip(attacking, beginnings, strict=True):
                if beginning:
                    try:
                        one.sendall(b"x")
                    except OSError:
                        continue

    writer = threading.Thread(target=trickle)
    writer.start()
    try:
        assert closed(attacking) == len(beginnings)
    finally:
        going.set()
        writer.join()
    assert plugin.answers()


def test_idle_connections_of_one_neighbour_leave_room_for_kube_scheduler(plugin: Plugin) -> None:
    attacking = [plugin.connect() for _ in range(1000)]
    assert plugin.answers()
    assert closed(attacking) == len(attacking)
    refused = plugin.request("/metrics")[2].split(b"\nhydatis_extender_refused_connections_count ")[1]
    assert float(refused.splitlines()[0]) >= 1000


@pytest.mark.parametrize(
    "head",
    [
        b"GET /readyz HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 100_000,
        b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * 2**20,
        b"GET /" + b"x" * 2**20,
        b"POST /filter HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /state",
        b"POST /filter HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01" * 10_000,
    ],
    ids=["endless headers", "endless header", "endless path", "two lengths", "negative length", "no HTTP"],
)
def test_heads_that_are_no_heads_are_refused(plugin: Plugin, head: bytes) -> None:
    with plugin.connect() as attacking:
        try:
            attacking.sendall(head)
            said = attacking.recv(65536)
        except ConnectionError:
            said = b""
    assert said == b"" or b" 400 " in said.splitlines()[0]
    assert plugin.answers()


def test_packed_bodies_are_not_unpacked(plugin: Plugin) -> None:
    bomb = gzip.compress(b" " * 2**28, compresslevel=6)
    assert len(bomb) < BODY_LIMIT_BYTES
    for encoding in ("gzip", "deflate", "br", "zstd"):
        status, _, said = plugin.request("/filter", bomb, {"Content-Encoding": encoding})
        assert status == 400, encoding
        assert b"Content-Encoding" in said
    assert plugin.answers()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"Pod":' * 60_000,
        b'{"Pod":{"metadata":{"labels":' + b'{"a":' * 100_000,
        b'{"Nodes":{"items":[' + b"[" * 400_000,
        b'{"Pod":{"x":' + b"[" * 200_000 + b"]" * 200_000 + b'},"NodeNames":[]}',
        b"\xff" * 100_000,
        json.dumps(ARGS | {"NodeNames": ["x" * 900_000]}).encode(),
        json.dumps(ARGS | {"NodeNames": ["a"] * 200_000}).encode(),
    ],
    ids=["lists", "pods", "labels", "items", "closed lists", "no text", "a long name", "one name again and again"],
)
def test_deep_and_odd_json_gets_an_answer(plugin: Plugin, body: bytes) -> None:
    status, _, _ = plugin.request("/filter", body)
    assert status in (200, 400)
    assert plugin.answers()


def test_more_large_bodies_than_are_held_at_a_time_are_told_to_come_again(plugin: Plugin) -> None:
    head = f"POST /filter HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_LIMIT_BYTES}\r\n\r\n".encode()
    attacking = [plugin.connect() for _ in range(6)]
    for one in attacking:
        one.sendall(head)
    said = [one.recv(65536) for one in attacking]
    for one in attacking:
        one.close()
    assert sum(b" 429 " in answer and b"Retry-After: 1" in answer for answer in said) == 4
    assert sum(b" 504 " in answer for answer in said) == 2  # they did not send what they said
    assert plugin.answers()


def test_waiting_requests_are_bounded(plugin: Plugin) -> None:
    attacking = [plugin.connect() for _ in range(80)]
    for one in attacking:
        one.sendall(b"GET /generation?at_least=9007199254740992&timeout_seconds=1.5 HTTP/1.1\r\nHost: x\r\n\r\n")
    said = [one.recv(65536).split(b" ", 2)[1] for one in attacking]
    for one in attacking:
        one.close()
    assert said.count(b"429") == 16
    assert plugin.answers()


def test_a_flood_of_pods_gets_answers_and_none_is_an_error(plugin: Plugin) -> None:
    statuses: list[int] = []

    def ask(number: int) -> None:
        pod = {"metadata": {"name": "p", "namespace": "n", "uid": f"u-{number}"}, "spec": {"containers": []}}
        body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": ["a", "b"]}).encode()
        for _ in range(5):
            status, _, kept = plugin.request("/filter", body)
            statuses.append(status if json.loads(kept)["NodeNames"] == ["a", "b"] else 0)

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert statuses == [200] * 200


def test_after_all_of_it_memory_is_what_it_was_about(plugin: Plugin) -> None:
    assert plugin.answers()
    assert plugin.memory_mib < 250
