"""The feed against a replay source that crashes, forgets and comes back, over real sockets."""

import asyncio
import http.server
import json
import threading
import time

import numpy as np
import pytest
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis_cli.stack_feed import StackFeed
from hydatis_core.errors import DependencyUnavailable, GenerationUnavailable, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_serving.convert.cluster import pod_event_from_proto
from hydatis_serving.events import PodEventKind
from hydatis_serving.metrics import new_registry
from hydatis_serving.server import GrpcServer
from hydatis_serving.settings import ServiceSettings

NODES = (Node("a", Resources(4.0, 2.0**33)), Node("b", Resources(4.0, 2.0**33)))
NOBODY = "http://127.0.0.1:9"


class Source(features_pb2_grpc.ReplaySourceServiceServicer):
    """A feature-service as far as a driver sees it. Runs in a loop of its own; crashes when told to."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.port = 0
        self.calls = []
        self.bound = None
        self.generation = 0
        self.kept = (None, 0)

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def start(self):
        self.run(self._start())

    def crash(self):
        """Goes away with all it knew but what was kept."""
        self.run(self._server.stop(0))
        bound, self.generation = self.kept
        self.bound = None if bound is None else dict(bound)

    def keep(self):
        """What it will come back with."""
        self.kept = (dict(self.bound), self.generation)

    def close(self):
        self.run(self._server.stop(0))
        self.loop.call_soon_threadsafe(self.loop.stop)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    async def _start(self):
        self._server = GrpcServer(ServiceSettings(grpc_port=self.port), new_registry())
        self._server.add(
            lambda server: features_pb2_grpc.add_ReplaySourceServiceServicer_to_server(self, server),
            "hydatis.features.v1.ReplaySourceService",
        )
        await self._server.start()
        self.port = self._server.port

    async def LoadCluster(self, request, context):
        self.calls.append("load")
        self.bound, self.generation = {}, 0
        return features_pb2.LoadClusterResponse(node_count=len(request.nodes))

    async def ReportPodEvents(self, request, context):
        if self.bound is None:
            raise GenerationUnavailable("no cluster is loaded")
        events = [pod_event_from_proto(event) for event in request.events]
        times = [event.event_time_seconds for event in events]
        assert times == sorted(times)
        for event in events:
            if event.kind is PodEventKind.BOUND:
                self.bound.setdefault(event.pod.uid, event.node_name)
            else:
                self.bound.pop(event.pod.uid, None)
        self.calls.append([f"{event.kind.value} {event.pod.uid}" for event in events])
        return features_pb2.ReportPodEventsResponse(generation=self.generation)

    async def AdvanceTick(self, request, context):
        if self.bound is None:
            raise GenerationUnavailable("no cluster is loaded")
        if request.tick_time_seconds < self.generation:
            raise InvalidValue("ticks increase", field="tick_time_seconds")
        self.generation = request.tick_time_seconds
        self.calls.append(f"tick {self.generation}")
        return features_pb2.AdvanceTickResponse(generation=self.generation)


@pytest.fixture
def source():
    source = Source()
    source.start()
    yield source
    source.close()


@pytest.fixture
def feed(source):
    feed = StackFeed(source.address, NOBODY, give_up_seconds=20)
    feed.on_nodes(NODES, 300.0, 15.0)
    yield feed
    feed.close()


def tick(feed, time_seconds):
    feed.on_tick(time_seconds, time_seconds - 15.0, np.zeros((2, 6), np.float32), [], np.zeros((0, 2), np.float32))


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_happens_is_told_as_it_happens(source, feed):
    tick(feed, 300)
    feed.on_bind(Pod("p"), "a", 310.0)
    feed.on_end("p", "a", 320.0)
    assert source.calls == ["load", "tick 300", ["bound p"], ["ended p"]]
    assert feed.retries_count == 0


def test_pods_do_not_wait_for_a_source_that_is_gone_and_the_next_tick_tells_them_first(source, feed):
    tick(feed, 300)
    feed.on_bind(Pod("before"), "a", 310.0)
    source.keep()
    source.crash()
    feed.on_bind(Pod("meanwhile"), "b", 320.0)
    feed.on_end("before", "a", 330.0)
    source.start()
    source.calls.clear()
    tick(feed, 600)
    assert source.calls == [[], "tick 300", ["bound meanwhile", "ended before"], "tick 600"]
    assert source.bound == {"meanwhile": "b"}


def test_a_source_that_comes_back_with_an_older_state_is_told_binds_ends_and_the_newest_tick_again(source, feed):
    tick(feed, 300)
    feed.on_bind(Pod("stays"), "a", 301.0)
    feed.on_bind(Pod("goes"), "b", 302.0)
    source.keep()
    feed.on_end("goes", "b", 303.0)
    tick(feed, 600)
    feed.on_bind(Pod("late"), "a", 601.0)
    source.crash()
    source.start()
    tick(feed, 900)
    assert source.bound == {"stays": "a", "late": "a"}
    assert source.calls[-4:] == [["bound stays", "ended goes"], "tick 600", ["bound late"], "tick 900"]
    assert source.calls.count("load") == 1


def test_a_source_that_died_and_came_back_between_two_calls_is_noticed_though_no_call_failed(source, feed):
    tick(feed, 300)
    source.keep()
    feed.on_bind(Pod("forgotten"), "a", 310.0)
    source.crash()
    source.start()
    wait_until(lambda: feed._behind)
    feed.on_bind(Pod("next"), "b", 320.0)
    tick(feed, 600)
    assert source.bound == {"forgotten": "a", "next": "b"}


def test_a_source_that_comes_back_empty_is_loaded_anew(source, feed):
    tick(feed, 300)
    feed.on_bind(Pod("p"), "a", 310.0)
    source.crash()
    source.start()
    tick(feed, 600)
    assert source.bound == {"p": "a"}
    assert source.calls[-5:] == ["load", [], "tick 300", ["bound p"], "tick 600"]


def test_a_source_that_comes_back_with_the_state_of_a_later_replay_is_loaded_anew(source, feed):
    tick(feed, 300)
    source.keep()
    source.kept = ({"stranger": "a"}, 90_000)
    feed.on_bind(Pod("p"), "a", 310.0)
    source.crash()
    source.start()
    tick(feed, 600)
    assert source.bound == {"p": "a"}
    assert source.generation == 600


def test_a_source_that_stays_away_ends_the_replay_with_an_error(source):
    feed = StackFeed(source.address, NOBODY, give_up_seconds=0.2)
    feed.on_nodes(NODES, 300.0, 15.0)
    source.crash()
    with pytest.raises(DependencyUnavailable):
        tick(feed, 300)
    feed.close()
    source.start()


def test_another_cluster_forgets_the_pods_of_the_one_before(source, feed):
    tick(feed, 300)
    feed.on_bind(Pod("old"), "a", 310.0)
    feed.on_nodes(NODES, 300.0, 15.0)
    source.crash()
    source.start()
    tick(feed, 300)
    assert source.bound == {}


@pytest.fixture
def extender():
    """An extender that never has a generation, and writes down how long it was to wait."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(504)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_once_a_generation_was_waited_for_in_vain_the_next_ticks_are_not_held_up_by_it(source, extender):
    url, asked = extender
    feed = StackFeed(source.address, url, patience_seconds=7.0)
    feed.on_nodes(NODES, 300.0, 15.0)
    tick(feed, 300)
    tick(feed, 600)
    feed.close()
    assert asked == ["/generation?at_least=300&timeout_seconds=7.0", "/generation?at_least=600&timeout_seconds=0.5"]


def test_a_tick_that_was_told_again_is_waited_for_before_the_next_pod_is_placed_but_not_long(source, extender):
    url, asked = extender
    feed = StackFeed(source.address, url, patience_seconds=0.25)
    feed.on_nodes(NODES, 300.0, 15.0)
    tick(feed, 300)
    source.crash()
    source.start()
    wait_until(lambda: feed._behind and feed._connected)
    feed.on_bind(Pod("p"), "a", 310.0)
    feed.close()
    assert source.calls[-1] == ["bound p"]
    assert asked[-1].startswith("/generation?at_least=300&")
    assert len(asked) == 2


@pytest.fixture
def slow_shim():
    """An extender that sees a pod's bind, or its end, only when it is asked for the third time."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            seen = asked.count(self.path) >= 3
            body = json.dumps({"generation": 300, "credited": seen}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_bind_is_waited_for_until_the_shim_has_seen_it_so_that_no_decision_overtakes_it(source, slow_shim):
    url, asked = slow_shim
    feed = StackFeed(source.address, url)
    feed.on_nodes(NODES, 300.0, 15.0)
    tick(feed, 300)
    feed.on_bind(Pod("team a/p"), "a", 310.0)
    feed.close()
    assert asked[1:] == ["/state?pod=team%20a%2Fp"] * 3
