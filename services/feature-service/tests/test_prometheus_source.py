"""The Prometheus source: a tick in any case, with what was answered in time; the table of strategies and rules is elsewhere."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from aiohttp import web
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_feature_service.prometheus_asker import PrometheusAsker
from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.prometheus_source import PrometheusMetrics
from hydatis_feature_service.scrape import Scrape
from hydatis_feature_service.sources import Cluster
from hydatis_features.cluster_state import BoundPod
from hydatis_features.engine import FeatureEngine
from hydatis_serving.prometheus.answers import TARGET_DECODER
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.queries import NODE_QUANTITIES, QUANTITIES, Asking
from prometheus_client import CollectorRegistry

RULES = Path(__file__).resolve().parents[3] / "deploy" / "monitoring" / "recording-rules.yaml"
NODES = tuple(Node(name, Resources(8.0, 2.0**35)) for name in ("a", "b"))
TICK = 1_000_005


@dataclass
class Server:
    """A server with Prometheus' API that answers as it is told, by a name of a series in the query."""

    url: str = ""
    series: dict[str, list[tuple[dict[str, str], float]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    hangs_at: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append(form)
        self.headers = dict(request.headers)
        if self.hangs_at and self.hangs_at in form["query"]:
            await asyncio.sleep(60)
        if self.body is not None:
            return web.Response(status=self.status, body=self.body)
        found = next((found for name, found in self.series.items() if re.search(name, form["query"])), [])
        result = [{"metric": labels, "value": [float(form["time"]), str(amount)]} for labels, amount in found]
        told = {"status": "success", "data": {"resultType": "vector", "result": result}, "warnings": self.warnings}
        return web.Response(body=msgspec.json.encode(told), content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    told = Server()
    app = web.Application()
    app.router.add_post("/prefix/api/v1/query", told.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}/prefix/"
    yield told
    await runner.cleanup()


@dataclass
class Sink:
    """Takes scrapes; knows two nodes and a pod on the first."""

    pods: list[BoundPod]
    cluster: Cluster | None = field(default_factory=lambda: Cluster(NODES, 15.0, 5.0))
    scrapes: list[Scrape] = field(default_factory=list)
    refusing: bool = False
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def advance(self, scrape: Scrape) -> int:
        if self.refusing:
            raise InvalidValue("the tick comes too late", field="tick_time_seconds")
        self.scrapes.append(scrape)
        self.taken.set()
        return scrape.tick_time_seconds

    def bound_pods(self) -> list[BoundPod]:
        return self.pods


async def nothing() -> None:
    """Whoever is told that the past is known and need not know."""


@pytest.fixture
def sink() -> Sink:
    engine = FeatureEngine(NODES, 15.0, 0.0)
    engine.bind(Pod("uid", "web-0", "team"), "a", 1.0)
    return Sink(engine.state.bound_pods())


@dataclass
class Source:
    source: PrometheusMetrics
    registry: CollectorRegistry

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def make(server: Server) -> AsyncIterator[Callable[..., Source]]:
    made: list[Source] = []

    def build(url: str = "", within_seconds: float = 5.0, **options: Any) -> Source:
        registry = CollectorRegistry()
        metrics, asking = PrometheusSourceMetrics(registry), Asking()
        client = PrometheusClient(url or server.url)
        asker = PrometheusAsker(client, asking, metrics)
        made.append(Source(PrometheusMetrics(asker, client, asking, metrics, within_seconds, **options), registry))
        return made[-1]

    yield build
    for one in made:
        await one.source.stop()


def all_well(server: Server) -> None:
    server.series = {
        "timestamp.node_memory": [({"node": "a"}, TICK - 10), ({"node": "b"}, TICK - 10)],
        "node_memory_MemTotal": [({"node": "a"}, 4e9), ({"node": "b"}, 5e9)],
        "node_cpu_seconds": [({"node": "a"}, 1.5), ({"node": "b"}, 2.5)],
        "container_cpu.*POD": [({"namespace": "team", "pod": "web-0"}, 0.5)],
        "container_memory_working_set_bytes.*POD": [({"namespace": "team", "pod": "web-0"}, 1e9)],
    }


async def test_a_tick_holds_what_was_measured_as_of_the_scrape_delay_before_it(server, sink, make):
    all_well(server)
    told = make()
    scrape = await told.source.tick(sink, TICK)
    assert sink.scrapes == [scrape]
    assert (scrape.tick_time_seconds, scrape.sample_time_seconds) == (TICK, TICK - 5)
    assert {form["time"] for form in server.asked} == {f"{TICK - 5}.000"}
    assert scrape.node_names == ("a", "b")
    np.testing.assert_array_equal(scrape.node_usage[:, :2], np.float32([[1.5, 4e9], [2.5, 5e9]]))
    assert np.isnan(scrape.node_usage[:, 2:]).all()
    assert scrape.pod_uids == ("uid",)
    np.testing.assert_array_equal(scrape.pod_usage, np.float32([[0.5, 1e9]]))
    assert told.value("hydatis_prometheus_ticks_total", outcome="whole") == 1
    assert told.value("hydatis_prometheus_nodes_count", state="measured") == 2
    assert told.value("hydatis_prometheus_targets_count", outcome="node_label") == 2
    assert told.value("hydatis_prometheus_sample_age_seconds") == 5


async def test_a_query_that_hangs_costs_its_own_column_and_the_tick_is_told(server, sink, make):
    all_well(server)
    server.hangs_at = "node_cpu_seconds"
    told = make(within_seconds=1.5)
    scrape = await told.source.tick(sink, TICK)
    np.testing.assert_array_equal(scrape.node_usage[:, :2], np.float32([[np.nan, 4e9], [np.nan, 5e9]]))
    assert told.value("hydatis_prometheus_queries_total", query="node_cpu", outcome="late") == 1
    assert told.value("hydatis_prometheus_ticks_total", outcome="partial") == 1


async def test_a_server_that_cannot_be_reached_gives_ticks_of_unknowns_and_is_tried_at_each(sink, make, free_address):
    told = make(url=f"http://{free_address}")
    for number in range(2):
        scrape = await told.source.tick(sink, TICK + 15 * number)
        assert np.isnan(scrape.node_usage).all()
        assert scrape.pod_uids == ()
    assert told.value("hydatis_prometheus_ticks_total", outcome="empty") == 2
    assert told.value("hydatis_prometheus_queries_total", query="node_time", outcome="unreachable") == 2


async def test_a_server_out_of_breath_is_spared_longer_and_longer_and_asked_again_once_it_answers(server, sink, make):
    server.status, server.body = 503, b'{"status":"error","errorType":"unavailable","error":"too many queries"}'
    told = make()
    asked = []
    for number in range(16):
        before = told.value("hydatis_prometheus_queries_total", query="node_cpu", outcome="unavailable")
        await told.source.tick(sink, TICK + 15 * number)
        asked.append(told.value("hydatis_prometheus_queries_total", query="node_cpu", outcome="unavailable") > before)
    assert [number for number, was_asked in enumerate(asked) if was_asked] == [0, 1, 3, 7, 11, 15]
    assert len(sink.scrapes) == 16, "the ticks go on without it"
    server.status, server.body = 200, None
    all_well(server)
    for number in range(16, 22):
        server.series["timestamp.node_memory"] = [({"node": "a"}, TICK + 15 * number)]
        await told.source.tick(sink, TICK + 15 * number)
    assert sink.scrapes[-1].node_usage[0, 0] == np.float32(1.5)


@pytest.mark.parametrize(
    ("status", "body", "outcome", "why"),
    [
        (400, b'{"status":"error","errorType":"bad_data","error":"parse error"}', "refused", "HTTP 400: bad_data: parse error"),
        (422, b'{"status":"error","errorType":"execution","error":"too many samples"}', "refused", "execution: too many samples"),
        (401, b"<html>log in</html>", "refused", "HTTP 401: <html>log in"),
        (503, b"", "unavailable", "HTTP 503"),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{}', "garbled", "no answer"),
        (200, b'{"status":"success","data":{"resultType":"scalar","result":[]}}', "garbled", "HTTP 200"),
        (200, b'{"status":"error","errorType":"timeout","error":"timed out"}', "garbled", "timeout: timed out"),
        (200, b"x" * 2000, "too_large", "more than 1000 bytes"),
    ],
)
async def test_a_wrong_answer_has_no_series_and_says_what_was_wrong(server, status, body, outcome, why):
    server.status, server.body = status, body
    client = PrometheusClient(server.url, most_bytes=1000)
    reply = await client.ask("up", 1.0, TARGET_DECODER, 5.0)
    await client.close()
    assert (reply.outcome, reply.series, reply.is_answer) == (outcome, [], False)
    assert why in reply.why


async def test_an_answer_with_warnings_is_used_and_counted_as_partial(server, sink, make):
    all_well(server)
    server.warnings = ["store sidecar-2 did not answer"]
    told = make()
    scrape = await told.source.tick(sink, TICK)
    assert scrape.node_usage[0, 0] == np.float32(1.5)
    assert told.value("hydatis_prometheus_queries_total", query="node_cpu", outcome="partial") == 1


async def test_a_token_is_read_at_every_query_since_it_rotates(server, tmp_path):
    token = tmp_path / "token"
    client = PrometheusClient(server.url, token_file=str(token))
    assert (await client.ask("up", 1.0, TARGET_DECODER, 5.0)).outcome == "unreachable"
    for text in ("first", "second"):
        token.write_text(text + "\n")
        assert (await client.ask("up", 1.0, TARGET_DECODER, 5.0)).outcome == "ok"
        assert server.headers["Authorization"] == f"Bearer {text}"
    await client.close()


async def test_nodes_without_node_exporter_are_measured_by_cadvisor_which_is_asked_only_then(server, sink, make):
    all_well(server)
    told = make()
    await told.source.tick(sink, TICK)
    server.asked.clear()
    await told.source.tick(sink, TICK + 15)
    assert not [form for form in server.asked if 'id="/"' in form["query"]], "all nodes were measured"
    for found in server.series.values():
        found[1:] = []
    server.series['timestamp.container.*id="/"'] = [({"instance": "b:10250"}, TICK + 40)]
    server.series['rate.container_cpu.*id="/"'] = [({"instance": "b:10250"}, 3.0)]
    await told.source.tick(sink, TICK + 30)
    for seconds in (45, 60, 75):  # and again and again, though every node is measured now
        scrape = await told.source.tick(sink, TICK + seconds)
        np.testing.assert_array_equal(scrape.node_usage[:, 0], np.float32([1.5, 3.0]))


async def test_where_no_containers_are_named_the_groups_of_the_pods_are_taken(server, sink, make):
    server.series = {
        'rate.container_cpu.*image=""': [({"namespace": "team", "pod": "web-0"}, 0.5)],
        'last_over_time.container_memory.*image=""': [({"namespace": "team", "pod": "web-0"}, 1e9)],
    }
    told = make()
    scrape = await told.source.tick(sink, TICK)
    assert (scrape.pod_uids, scrape.pod_usage.tolist()) == (("uid",), [[0.5, 1e9]])


async def test_recorded_series_are_read_once_the_rules_are_there(server, sink, make):
    server.series = {"hydatis_rules": [({"rate_window": "120s", "most_age": "90s"}, 1.0)]}
    told = make()
    await told.source.tick(sink, TICK)
    server.asked.clear()
    await told.source.tick(sink, TICK + 15)
    assert told.value("hydatis_prometheus_rules_in_use") == 1
    assert "last_over_time(hydatis_node:cpu_used_cores:rate[90s])" in {form["query"] for form in server.asked}


async def test_rules_with_other_windows_are_not_read(server, sink, make):
    server.series = {"hydatis_rules": [({"rate_window": "300s", "most_age": "90s"}, 1.0)]}
    told = make()
    await told.source.tick(sink, TICK)
    assert told.value("hydatis_prometheus_rules_in_use") == 0


async def test_ticks_go_on_by_the_clock_when_the_sink_refuses_one(server, sink, make):
    now = float(TICK)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        sink.refusing = now < TICK + 40
        await asyncio.sleep(0)

    told = make(clock=lambda: now, sleep=sleep)
    await told.source.start(sink, nothing)
    async with asyncio.timeout(20):
        await sink.taken.wait()
    await told.source.stop()
    assert told.value("hydatis_prometheus_ticks_total", outcome="failed") >= 1
    assert sink.scrapes[0].tick_time_seconds % 15 == 0


async def test_without_a_cluster_it_waits(server, sink, make):
    slept = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.set()
        await asyncio.sleep(0)

    sink.cluster = None
    told = make(sleep=sleep)
    await told.source.start(sink, nothing)
    async with asyncio.timeout(5):
        await slept.wait()
    await told.source.stop()
    assert server.asked == []


def test_more_matchers_go_into_every_series():
    asking = Asking(matchers='cluster="north"')
    for quantity in QUANTITIES:
        promql = quantity.promql(asking, recorded=False)
        assert promql.count('cluster="north"') == len(re.findall(r"\b(?:node|container)_\w+_(?:total|bytes)\b", promql)), promql
        assert 'cluster="north"' in quantity.promql(asking, recorded=True)
    assert NODE_QUANTITIES[1].promql(asking, recorded=False).count('{cluster="north"}') == 2


def test_the_rules_are_the_very_expressions_that_are_asked_without_them():
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    recorded = {rule["record"]: rule["expr"] for rule in group["rules"]}
    asked = {quantity.rule: quantity.promql(Asking(), recorded=False) for quantity in QUANTITIES}
    assert recorded == asked | {"hydatis_rules": "vector(1)"}
    labels = group["rules"][0]["labels"]
    assert labels == {"rate_window": f"{Asking().rate_window_seconds}s", "most_age": f"{Asking().most_age_seconds}s"}


def test_prometheus_own_tool_takes_the_rules(promtool):
    checked = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("promtool is not installed")
    return found
