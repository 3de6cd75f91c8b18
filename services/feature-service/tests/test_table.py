"""What subscribers are told: tables, profiles and deltas, whole and in order."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from hydatis_core.errors import DependencyUnavailable, GenerationUnavailable, TooLate, UnknownNode
from hydatis_features.engine import FeatureEngine
from hydatis_features.schema import SCHEMA
from hydatis_serving.clients import PodEventKind


async def test_a_tick_reaches_every_subscriber_as_a_whole_table(service, watch):
    await service.load()
    watchers = [watch(service.address), watch(service.address)]
    assert await service.tick(1) == 60
    for watcher in watchers:
        table = await watcher.table(60)
        assert table.node_names == ("node-0", "node-1", "node-2")
        assert table.columns == SCHEMA.names
        assert table.column_hashes == SCHEMA.hashes
        assert (table.tick_seconds, table.metric_window_seconds, table.scrape_delay_seconds) == (60.0, 900.0, 0.0)
        np.testing.assert_array_equal(table.column("cpu_used_ratio"), np.float32([0.25, 0.25, 0.25]))


async def test_a_newcomer_is_told_the_newest_table_all_profiles_and_recent_pods(service, watch, bind):
    await service.load()
    await service.report(bind("a", "node-0", 10.0))
    await service.tick(1)
    await service.report(bind("b", "node-1", 70.0))
    watcher = watch(service.address)
    await watcher.until(lambda: len(watcher.of("delta")) == 2)
    assert [kind for kind, _ in watcher.told] == ["table", "profiles", "delta", "delta"]
    assert watcher.of("profiles")[0][1] is True
    assert [delta.event.pod.uid for delta in watcher.of("delta")] == ["a", "b"]
    assert [delta.generation for delta in watcher.of("delta")] == [0, 60]


async def test_a_bind_is_told_with_its_expected_use_before_the_report_returns(service, watch, bind, end):
    await service.load()
    await service.tick(1)
    watcher = watch(service.address)
    await watcher.table(60)
    assert await service.report(bind("a", "node-0", 61.0)) == 60
    await watcher.until(lambda: len(watcher.of("delta")) == 1)
    delta = watcher.of("delta")[0]
    assert delta.generation == 60
    assert delta.expected_use.cpu_p95_cores >= delta.expected_use.cpu_p50_cores > 0
    await service.report(end("a", 62.0))
    await watcher.until(lambda: len(watcher.of("delta")) == 2)
    ending = watcher.of("delta")[1]
    assert (ending.event.kind, ending.event.node_name, ending.expected_use) == (PodEventKind.ENDED, "node-0", None)


async def test_saying_a_pod_event_twice_tells_it_once(service, watch, bind, end):
    await service.load()
    watcher = watch(service.address)
    await service.tick(1)
    await service.report(bind("a", "node-0", 61.0), bind("a", "node-1", 61.0))
    await service.report(bind("a", "node-0", 61.0))
    await service.report(end("a", 62.0))
    await service.report(end("a", 62.0), end("never-bound", 62.0))
    await service.tick(2)
    await watcher.table(120)
    assert [(d.event.kind, d.event.pod.uid) for d in watcher.of("delta")] == [(PodEventKind.BOUND, "a"), (PodEventKind.ENDED, "a")]
    np.testing.assert_array_equal(watcher.of("table")[-1].column("pod_count"), [0, 0, 0])


async def test_a_later_table_counts_the_bound_pods(service, watch, bind):
    await service.load()
    await service.report(bind("a", "node-1", 1.0))
    await service.tick(1)
    table = await service.features.node_features(["node-1", "node-0"], timeout_seconds=5.0)
    assert table.node_names == ("node-1", "node-0")
    np.testing.assert_array_equal(table.column("pod_count"), [1, 0])
    np.testing.assert_allclose(table.column("cpu_requested_ratio"), [1 / 8, 0])


async def test_profiles_are_learned_from_pod_samples_and_streamed(service, watch, bind):
    await service.load()
    watcher = watch(service.address)
    await service.report(bind("a", "node-0", 1.0))
    for number in range(1, 60):
        await service.tick(number, pods={"a": (0.5, 2.0**29)})
    await watcher.until(lambda: any(change.profiles for change, _ in watcher.of("profiles")))
    learned = [profile for change, _ in watcher.of("profiles") for profile in change.profiles]
    assert learned[-1].key == "default/Deployment/web"
    assert learned[-1].use_per_request_ratio[0] == pytest.approx(0.5, rel=0.1)


async def test_a_repeated_tick_changes_nothing(service, watch):
    await service.load()
    watcher = watch(service.address)
    assert await service.tick(1) == 60
    assert await service.tick(1) == 60
    assert await service.tick(2) == 120
    await watcher.table(120)
    assert [table.generation for table in watcher.of("table")] in ([60, 120], [120])


async def test_loading_another_cluster_begins_anew(service, watch, bind):
    await service.load(3)
    await service.report(bind("a", "node-0", 1.0))
    await service.tick(5)
    await service.load(2)
    with pytest.raises(GenerationUnavailable):
        await service.features.node_features(timeout_seconds=5.0)
    assert await service.tick(1, node_count=2) == 60
    watcher = watch(service.address)
    table = await watcher.table(60)
    assert table.node_names == ("node-0", "node-1")
    np.testing.assert_array_equal(table.column("pod_count"), [0, 0])


async def test_the_newest_three_tables_can_be_asked_for(service):
    await service.load()
    for number in range(1, 5):
        await service.tick(number)
    for generation in (120, 180, 240, 0):
        table = await service.features.node_features(generation=generation, timeout_seconds=5.0)
        assert table.generation == (generation or 240)
    with pytest.raises(GenerationUnavailable, match="60"):
        await service.features.node_features(generation=60, timeout_seconds=5.0)
    with pytest.raises(UnknownNode, match="node-9"):
        await service.features.node_features(["node-9"], timeout_seconds=5.0)


async def test_pods_bound_while_a_table_is_computed_are_told_at_once_and_not_lost(service, watch, bind, end, monkeypatch):
    computing, go_on = threading.Event(), threading.Event()
    tick = FeatureEngine.tick

    def held(self, generation, *rest):
        if generation == 120:
            computing.set()
            assert go_on.wait(5.0)
        return tick(self, generation, *rest)

    monkeypatch.setattr(FeatureEngine, "tick", held)
    await service.load()
    await service.report(bind("old", "node-2", 1.0))
    await service.tick(1)
    watcher = watch(service.address)
    await watcher.table(60)
    advancing = asyncio.create_task(service.tick(2))
    await asyncio.to_thread(computing.wait, 5.0)
    # The report returns, and the subscriber is told, though the engine is busy.
    assert (
        await service.report(bind("a", "node-0", 119.0), bind("a", "node-1", 119.0), bind("b", "node-1", 119.5), end("old", 119.5))
        == 60
    )
    await service.report(end("b", 119.6))
    await watcher.until(lambda: len(watcher.of("delta")) == 5)
    told = [(d.event.kind.value, d.event.pod.uid, d.generation) for d in watcher.of("delta")[1:]]
    assert told == [("bound", "a", 120), ("bound", "b", 120), ("ended", "old", 120), ("ended", "b", 120)]
    go_on.set()
    assert await advancing == 120
    await service.tick(3)
    table = await watcher.table(180)
    np.testing.assert_array_equal(table.column("pod_count"), [1, 0, 0])


async def test_a_driver_that_gives_up_does_not_break_the_tick_it_began(service, watch, monkeypatch):
    computing, go_on = threading.Event(), threading.Event()
    tick = FeatureEngine.tick

    def held(self, generation, *rest):
        computing.set()
        assert go_on.wait(5.0)
        return tick(self, generation, *rest)

    monkeypatch.setattr(FeatureEngine, "tick", held)
    await service.load()
    watcher = watch(service.address)
    usage = np.ones((3, 6), dtype=np.float32)
    none = np.empty((0, 2), dtype=np.float32)
    with pytest.raises(TooLate):
        await service.replay.advance_tick(60, 60.0, usage, [], none, timeout_seconds=0.2)
    assert computing.is_set()
    go_on.set()
    await watcher.table(60)
    assert await service.replay.advance_tick(60, 60.0, usage, [], none, timeout_seconds=5.0) == 60


async def test_stopping_ends_the_streams_and_finishes_calls_in_flight(run_service, watch, monkeypatch):
    computing, go_on = threading.Event(), threading.Event()
    tick = FeatureEngine.tick

    def held(self, generation, *rest):
        computing.set()
        assert go_on.wait(5.0)
        return tick(self, generation, *rest)

    monkeypatch.setattr(FeatureEngine, "tick", held)
    service = await run_service()
    await service.load()
    watch(service.address)
    advancing = asyncio.create_task(service.tick(1))
    await asyncio.to_thread(computing.wait, 5.0)
    stopping = asyncio.create_task(service.app.stop())
    await asyncio.sleep(0)
    go_on.set()
    assert await advancing == 60
    async with asyncio.timeout(4.0):  # well within the grace: nobody waited for the stream to end by itself
        await stopping
    with pytest.raises(DependencyUnavailable):
        await service.tick(2)


async def test_until_the_first_table_nobody_is_told_of_pods_and_with_it_of_those_that_it_does_not_show(service, watch, bind, end):
    await service.load()
    watcher = watch(service.address)
    await service.report(bind("old", "node-0", 1.0), bind("young", "node-0", 5000.0), bind("gone", "node-1", 5001.0))
    await service.report(end("gone", 5002.0))
    await service.tick(100)
    await watcher.table(6000)
    assert [kind for kind, _ in watcher.told if kind != "profiles"] == ["delta", "delta", "delta", "table"]
    assert [delta.event.pod.uid for delta in watcher.of("delta")] == ["young", "gone", "gone"]
    np.testing.assert_array_equal(watcher.of("table")[0].column("pod_count"), [2, 0, 0])
