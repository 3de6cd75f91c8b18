"""A service whose nodes and pods are watched, as its subscribers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import kubernetes.client  # noqa: F401  loading it takes seconds, which no test shall wait for
import numpy as np
import pytest
from hydatis_core.errors import DependencyUnavailable
from hydatis_feature_service.scrape import Scrape
from hydatis_features.usage import METRICS
from hydatis_serving.testing_api_server import ApiServer, node_json, pod_json

TIMEOUT_SECONDS = 10.0


@pytest.fixture
def server() -> Iterator[ApiServer]:
    running = ApiServer()
    running.put("nodes", node_json("n1"))
    running.put("nodes", node_json("n2"))
    running.put("pods", pod_json("old", "n1"))
    yield running
    running.close()


def settings(server, tmp_path, **more):
    live = {"cluster_source": "kubernetes", "kubeconfig": server.kubeconfig(tmp_path), "tick_seconds": 60.0}
    return live | {"scrape_delay_seconds": 0.0} | more


async def ready(service) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not service.app.server.ready:  # noqa: ASYNC110  it becomes ready by the watchers' threads
            await asyncio.sleep(0.005)


async def tick(service, number: int) -> int:
    """The driver of the metrics: it names no nodes, they are in the order of their names."""
    usage = np.full((2, len(METRICS)), 4.0, dtype=np.float32)
    none = np.empty((0, 2), dtype=np.float32)
    at = number * 60
    return await service.app.keeper.advance(Scrape(at, float(at), usage, (), none))


async def test_subscribers_are_told_of_watched_binds_and_tables_of_watched_nodes(server, tmp_path, run_service, watch):
    service = await run_service(**settings(server, tmp_path))
    watcher = watch(service.address)
    await ready(service)
    assert await tick(service, 30_000_000) == 1_800_000_000
    table = await watcher.table(1_800_000_000)
    assert table.node_names == ("n1", "n2")
    np.testing.assert_array_equal(table.column("pod_count"), [1, 0])
    np.testing.assert_array_equal(table.column("cpu_used_ratio"), [0.5, 0.5])
    server.put("pods", pod_json("new", "n2"))
    await watcher.until(lambda: len(watcher.of("delta")) == 1)
    delta = watcher.of("delta")[0]
    assert (delta.event.node_name, delta.generation) == ("n2", 1_800_000_000)
    assert delta.expected_use.cpu_p95_cores > 0


async def test_of_a_watched_cluster_nobody_may_say_what_happens_in_it(server, tmp_path, run_service):
    service = await run_service(**settings(server, tmp_path, admin_access="open"))
    await ready(service)
    usage = np.zeros((2, len(METRICS)), dtype=np.float32)
    with pytest.raises(DependencyUnavailable, match="UNIMPLEMENTED"):
        await service.replay.advance_tick(60, 60.0, usage, [], np.empty((0, 2), np.float32), timeout_seconds=TIMEOUT_SECONDS)
    with pytest.raises(DependencyUnavailable, match="UNIMPLEMENTED"):
        await service.load()


async def test_it_is_ready_once_it_knows_the_cluster(server, tmp_path, run_service):
    server.answer(*[(503, "not yet")] * 3)
    service = await run_service(**settings(server, tmp_path))
    assert not service.app.server.ready
    await ready(service)
    assert [node.name for node in service.app.keeper.cluster.nodes] == ["n1", "n2"]


async def test_a_restart_goes_on_with_what_was_measured_and_learns_what_happened_meanwhile(server, tmp_path, run_service, watch):
    told = settings(server, tmp_path, warm_store=f"sqlite:///{tmp_path}/warm.sqlite")
    before = await run_service(**told)
    await ready(before)
    await tick(before, 30_000_000)
    await before.app.stop()
    server.put("pods", pod_json("meanwhile", "n2"))
    server.delete("pods", "old")
    after = await run_service(**told)
    again = watch(after.address)
    await again.until(lambda: any(delta.event.pod.uid == "uid-meanwhile" for delta in again.of("delta")))
    await tick(after, 30_000_001)
    table = await again.table(1_800_000_060)
    np.testing.assert_array_equal(table.column("pod_count"), [0, 1])
    np.testing.assert_array_equal(table.column("node_age_seconds"), [60, 60])
