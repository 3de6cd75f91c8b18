"""Asking for the past is bounded and fails open: in halves, with pauses, not for ever, and ready all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import msgspec
import numpy as np
import pytest
from aiohttp import web
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.prometheus_asker import PrometheusAsker
from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.prometheus_source import PrometheusMetrics
from hydatis_feature_service.prometheus_spans import Past, Span, past_between
from hydatis_feature_service.sources import Cluster
from hydatis_feature_service.table_keeper import TableKeeper
from hydatis_feature_service.table_stream import TableStream
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.queries import Asking
from prometheus_client import CollectorRegistry

NOW = 1_800_000_000.0
CLUSTER = Cluster(tuple(Node(name, Resources(8.0, 2.0**35)) for name in ("a", "b")), 60.0, 0.0)


def test_a_cold_start_asks_for_seventy_minutes_of_samples_and_a_day_of_bins():
    past = past_between(-np.inf, NOW, 15.0)
    assert past == Past(Span(NOW - 90_300, 288, 300.0), Span(NOW - 4200 + 15, 280, 15.0))
    assert past.samples is not None
    assert past.samples.last_seconds == NOW


@pytest.mark.parametrize(
    ("newest", "bins", "samples"),
    [
        (NOW, None, None),
        (NOW - 45, None, Span(NOW - 30, 3, 15.0)),
        (NOW - 4200, None, Span(NOW - 4185, 280, 15.0)),
        (NOW - 4500, Span(NOW - 4500, 2, 300.0), Span(NOW - 4185, 280, 15.0)),
        (NOW - 4501, Span(NOW - 4500, 2, 300.0), Span(NOW - 4185, 280, 15.0)),
        (NOW - 10 * 86_400, Span(NOW - 90_300, 288, 300.0), Span(NOW - 4185, 280, 15.0)),
    ],
)
def test_a_pause_asks_for_what_it_missed(newest, bins, samples):
    assert past_between(newest, NOW, 15.0) == Past(bins, samples)


def test_pages_go_from_the_newest_time_to_the_oldest():
    span: Span | None = Span(0.0, 7, 10.0)
    pages = []
    while span is not None:
        pages.append(span.newest(3))
        span = span.before(pages[-1])
    assert [page.times.tolist() for page in pages] == [[40, 50, 60], [10, 20, 30], [0]]


@dataclass
class Server:
    """Prometheus' API about two nodes, one of whose answers goes wrong in a way of its own."""

    url: str = ""
    most_times: int = 10**6
    """Longer ranges are refused."""
    busy_count: int = 0
    """So many range queries are answered with 503 first."""
    oldest_seconds: float = 0.0
    """Ranges that begin before it hang."""
    ranges: list[dict[str, Any]] = field(default_factory=list)

    async def now(self, request: web.Request) -> web.Response:
        return _answer("vector", [])

    async def range(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.ranges.append(form)
        first, last, step = (float(str(form[key])) for key in ("start", "end", "step"))
        if self.busy_count:
            self.busy_count -= 1
            return web.Response(status=503, body=b"busy")
        if round((last - first) / step) + 1 > self.most_times:
            return web.Response(status=422, body=b'{"status":"error","errorType":"execution","error":"too many samples"}')
        if first < self.oldest_seconds:
            await asyncio.sleep(60)
        times = np.arange(first, last + step / 2, step).tolist()
        is_time = "timestamp" in str(form["query"])
        values = [(time, str(time if is_time else 2.0)) for time in times]
        return _answer("matrix", [{"metric": {"node": name}, "values": values} for name in ("a", "b")])


def _answer(kind: str, result: list[Any]) -> web.Response:
    told = {"status": "success", "data": {"resultType": kind, "result": result}}
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    told = Server()
    app = web.Application()
    app.router.add_post("/api/v1/query", told.now)
    app.router.add_post("/api/v1/query_range", told.range)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield told
    await runner.cleanup()


class Service:
    """A source and its keeper, begun cold at NOW."""

    def __init__(self, url: str, within_seconds: float) -> None:
        self.registry = CollectorRegistry()
        metrics, asking, client = PrometheusSourceMetrics(self.registry), Asking(), PrometheusClient(url)
        asker = PrometheusAsker(client, asking, metrics)
        self.source = PrometheusMetrics(
            asker, client, asking, metrics, 5.0, within_seconds, clock=lambda: NOW, sleep=lambda _: asyncio.sleep(60)
        )
        self.keeper = TableKeeper(TableStream(), FeatureMetrics(self.registry), 900.0)

    async def begin(self) -> str:
        """Starts, and says what came of asking once the service would be ready."""
        recalled = asyncio.Event()

        async def ready() -> None:
            recalled.set()

        await self.keeper.load(CLUSTER)
        await self.source.start(self.keeper, ready)
        async with asyncio.timeout(20):
            await recalled.wait()
        await self.source.stop()
        counts = {
            outcome: self.registry.get_sample_value("hydatis_prometheus_recalls_total", {"outcome": outcome})
            for outcome in ("whole", "partial", "none")
        }
        return "".join(outcome for outcome, count in counts.items() if count)

    @property
    def reach_seconds(self) -> float:
        return self.registry.get_sample_value("hydatis_prometheus_recalled_seconds") or 0.0


async def test_ranges_that_are_too_much_are_asked_for_in_halves(server):
    server.most_times = 40
    cold = Service(server.url, 20.0)
    assert await cold.begin() == "whole"
    assert cold.reach_seconds == pytest.approx(90_300)
    counts = [round((float(form["end"]) - float(form["start"])) / float(form["step"])) + 1 for form in server.ranges]
    assert counts[0] == 70
    assert set(counts[7:14]) == {35}


async def test_a_server_out_of_breath_is_left_in_peace_and_asked_again(server):
    server.busy_count = 3
    cold = Service(server.url, 20.0)
    began = monotonic()
    assert await cold.begin() == "whole"
    assert monotonic() - began >= 0.5


async def test_what_is_not_answered_within_the_bound_stays_unknown_and_the_newest_part_is_kept(server):
    server.oldest_seconds = NOW - 3600
    server.most_times = 60
    cold = Service(server.url, 1.0)
    assert await cold.begin() == "partial"
    assert 0 < cold.reach_seconds <= 3600
    assert cold.keeper.last_sample_seconds == NOW


async def test_without_a_server_it_is_ready_after_the_bound_without_the_past(free_address):
    cold = Service(f"http://{free_address}", 1.0)
    assert await cold.begin() == "none"
    assert cold.keeper.last_sample_seconds == -np.inf


async def test_who_wants_no_past_is_not_kept_waiting(server):
    assert await Service(server.url, 0.0).begin() == ""
    assert server.ranges == []
