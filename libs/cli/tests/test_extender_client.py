"""The client sends what kube-scheduler sends and takes errors as kube-scheduler does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.pods import Pod
from hydatis_core.quantities import parse_quantity
from hydatis_core.resources import Resources


class Extender(ThreadingHTTPServer):
    """A real HTTP server that answers what a test put into ``answers`` and keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {}
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/ext"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body)))
        status, answer = self.server.answers[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture
def extender():
    server = Extender()
    yield server
    server.shutdown()
    server.server_close()


POD = Pod("u-1", "web-0", "shop", "Deployment/web", Resources(0.25, 2**30), Resources(1.0, 2**31))


def test_a_pod_is_written_as_the_api_server_would():
    written = pod_json(POD)
    container = written["spec"]["containers"][0]["resources"]

    assert written["metadata"]["uid"] == "u-1"
    assert parse_quantity(container["requests"]["cpu"]) == 0.25
    assert parse_quantity(container["requests"]["memory"]) == 2**30
    assert parse_quantity(container["limits"]["cpu"]) == 1.0
    assert pod_json(Pod("u"))["metadata"].get("labels") is None


def test_a_share_of_a_gpu_is_written_as_a_share():
    def requests(count, milli):
        return pod_json(Pod("u", requests=Resources(0.0, 0.0, count, milli)))["spec"]["containers"][0]["resources"]["requests"]

    assert {"alibabacloud.com/gpu-count": "1", "alibabacloud.com/gpu-milli": "470"}.items() <= requests(1, 470).items()
    assert requests(2, 0)["nvidia.com/gpu"] == requests(2, 1000)["nvidia.com/gpu"] == "2"
    assert "nvidia.com/gpu" not in requests(0, 0)


def test_bodies_are_those_of_kube_scheduler(extender):
    extender.answers = {"/ext/filter": (200, b'{"NodeNames":["a","b"],"FailedNodes":{},"Error":""}')}
    client = ExtenderClient(extender.url)
    assert client.filter(pod_json(POD), ["a", "b"])["NodeNames"] == ["a", "b"]
    client.close()

    path, body = extender.asked[0]
    assert path == "/ext/filter"
    assert list(body) == ["Pod", "Nodes", "NodeNames"]
    assert body["Nodes"] is None


def test_a_policy_asks_twice_and_once_when_one_node_is_left(extender):
    extender.answers = {
        "/ext/filter": (200, b'{"NodeNames":["a","b"],"Error":""}'),
        "/ext/prioritize": (200, b'[{"Host":"a","Score":10},{"Host":"b","Score":3}]'),
    }
    policy = ExtenderPolicy(extender.url)
    assert policy.filter_and_score(POD, ["a", "b", "c"], 0.0) == (["a", "b"], {"a": 10, "b": 3})
    extender.answers["/ext/filter"] = (200, b'{"NodeNames":["a"],"Error":""}')
    assert policy.filter_and_score(POD, ["a", "b", "c"], 0.0) == (["a"], {})
    policy.close()

    assert [path for path, _ in extender.asked] == ["/ext/filter", "/ext/prioritize", "/ext/filter"]
    assert len(policy.latencies_seconds) == 2


@pytest.mark.parametrize("answer", [(500, b"{}"), (200, b'{"Error":"no"}')])
def test_an_error_leaves_the_pod_to_the_stock_scheduler_and_is_counted(extender, answer):
    extender.answers = {"/ext/filter": answer}
    policy = ExtenderPolicy(extender.url)
    assert policy.filter_and_score(POD, ["a", "b"], 0.0) is None
    assert policy.unanswered_count == 1
    policy.close()


def test_nobody_there_is_an_error_that_names_the_call():
    with pytest.raises(DependencyUnavailable, match="POST /filter"):
        ExtenderClient("http://127.0.0.1:1").filter(pod_json(POD), ["a"])
