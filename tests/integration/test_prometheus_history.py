"""Windows filled from what a real Prometheus remembers are those of a feature-service that ran all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.prometheus_asker import PrometheusAsker
from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.prometheus_source import PrometheusMetrics
from hydatis_feature_service.prometheus_spans import mean_promql
from hydatis_feature_service.sources import Cluster
from hydatis_feature_service.table_keeper import TableKeeper
from hydatis_feature_service.table_stream import TableStream
from hydatis_serving.prometheus.answers import COURSE_DECODER
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.queries import NODE_QUANTITIES, Asking
from prometheus_client import CollectorRegistry

TICK_SECONDS, SCRAPE_SECONDS, HOURS = 60, 30, 5
END = 1_795_000_200 // 300 * 300 + 120  # of the samples; a tick comes one tick later
BEGAN = END - HOURS * 3600
GIB = 2.0**30
NODES = ("a", "b", "c", "late")
CLUSTER = Cluster(tuple(Node(name, Resources(8.0, 32 * GIB)) for name in NODES), TICK_SECONDS, TICK_SECONDS)
OUTAGE = (END - 3 * 3600, END - 3 * 3600 + 1500)


def samples() -> Iterator[tuple[str, float, float]]:
    """(series, time, value) of five hours: a counter that began anew, an outage, a node scraped twice, one by cAdvisor alone."""
    random = np.random.default_rng(11)
    cpu = dict.fromkeys(NODES, 0.0)
    for number, time in enumerate(range(BEGAN, END + SCRAPE_SECONDS, SCRAPE_SECONDS)):
        cores, memory = random.uniform(0.5, 6.0, len(NODES)), random.uniform(2, 20, len(NODES)) * GIB
        for row, name in enumerate(NODES):
            cpu[name] = 0.0 if (name, number) == ("a", 300) else cpu[name] + cores[row] * SCRAPE_SECONDS
            if OUTAGE[0] <= time < OUTAGE[1] or (name == "late" and time < BEGAN + 5400):
                continue
            if name == "c":
                yield 'container_cpu_usage_seconds_total{id="/",node="c"}', time + 7, cpu[name]
                yield 'container_memory_working_set_bytes{id="/",node="c"}', time + 7, memory[row]
                continue
            for replica in ("1", "2") if name == "b" else ("1",):
                told = f'node="{name}",replica="{replica}"'
                yield f'node_cpu_seconds_total{{cpu="0",mode="user",{told}}}', time + 7, cpu[name] * 0.6
                yield f'node_cpu_seconds_total{{cpu="1",mode="system",{told}}}', time + 7, cpu[name] * 0.4
                yield f"node_memory_MemTotal_bytes{{{told}}}", time + 7, 32 * GIB
                yield f"node_memory_MemAvailable_bytes{{{told}}}", time + 7, 32 * GIB - memory[row]
                yield f'node_network_receive_bytes_total{{device="eth0",{told}}}', time + 7, cpu[name] * 1e6


@pytest.fixture(scope="module")
def store(past_prometheus: Callable[..., Any]) -> Any:
    """A real Prometheus that remembers those hours."""
    return past_prometheus(samples(), "--query.max-samples=300")  # so few that pages of hours are refused


class Service:
    """The source and the keeper of a feature-service whose clock stands still."""

    def __init__(self, store: Any, now: float) -> None:
        self.registry = CollectorRegistry()
        metrics, asking, client = PrometheusSourceMetrics(self.registry), Asking(), PrometheusClient(store.url)
        asker = PrometheusAsker(client, asking, metrics)
        self.source = PrometheusMetrics(asker, client, asking, metrics, 10.0, 60.0, clock=lambda: now, sleep=self._sleep)
        self.keeper = TableKeeper(TableStream(), FeatureMetrics(self.registry), 900.0)
        self.recalled = asyncio.Event()

    async def _sleep(self, _seconds: float) -> None:
        await asyncio.Event().wait()

    async def _recalled(self) -> None:
        self.recalled.set()

    async def begin(self) -> None:
        """Starts; returns once the past is known."""
        await self.keeper.load(CLUSTER)
        await self.catch_up()

    async def catch_up(self) -> None:
        self.recalled.clear()
        await self.source.start(self.keeper, self._recalled)
        async with asyncio.timeout(60):
            await self.recalled.wait()

    async def tick(self, first: int, last: int) -> None:
        for generation in range(first, last + TICK_SECONDS, TICK_SECONDS):
            await self.source.tick(self.keeper, generation)

    async def windows(self) -> dict[str, np.ndarray]:
        state = await self.keeper.snapshot()
        assert state is not None
        return {name: array for name, array in state.engine.items() if name.startswith("windows.")}

    def recalls(self, outcome: str) -> float:
        return self.registry.get_sample_value("hydatis_prometheus_recalls_total", {"outcome": outcome}) or 0.0


def assert_alike(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=2e-6, err_msg=name)


async def test_a_cold_start_and_a_pause_end_with_the_windows_of_a_service_that_ran_all_the_time(store: Any) -> None:
    newest = END + TICK_SECONDS  # the tick whose samples are of END
    running, cold, paused = (Service(store, float(newest)) for _ in range(3))
    try:
        await running.keeper.load(CLUSTER)
        await running.tick(BEGAN + 2 * TICK_SECONDS, newest)
        windows = await running.windows()
        assert np.isfinite(windows["windows.bin_values"]).sum() > 400
        assert np.isnan(windows["windows.bin_values"]).any(), "an outage is unknown"

        await cold.begin()
        assert_alike(windows, await cold.windows())
        assert cold.recalls("whole") == 1
        refused = {"query": "history", "outcome": "refused"}
        assert cold.registry.get_sample_value("hydatis_prometheus_queries_total", refused), "pages were cut in halves"

        await paused.keeper.load(CLUSTER)
        await paused.tick(BEGAN + 2 * TICK_SECONDS, newest - 100 * TICK_SECONDS)
        await paused.catch_up()
        assert_alike(windows, await paused.windows())
    finally:
        for service in (running, cold, paused):
            await service.source.stop()


@pytest.mark.parametrize("recorded", [False, True])
async def test_what_is_asked_of_the_past_is_promql(store: Any, recorded: bool) -> None:
    client = PrometheusClient(store.url)
    memory = NODE_QUANTITIES[1]
    for quantity in NODE_QUANTITIES[:2]:
        promql = mean_promql(quantity, memory, Asking(), TICK_SECONDS, recorded=recorded)
        reply = await client.ask_range(promql, END - 300, END, 300, COURSE_DECODER, 10.0)
        assert reply.outcome == "ok", reply.why
        assert bool(reply.series) is not recorded, "nothing was recorded here"
    await client.close()
