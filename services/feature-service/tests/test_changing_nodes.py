"""Nodes of a live cluster that come, go and change: what is known of the others is kept."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, WrongShape
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.scrape import Scrape
from hydatis_feature_service.sources import Cluster
from hydatis_feature_service.table_keeper import TableKeeper
from hydatis_feature_service.table_stream import TableStream
from hydatis_features.engine import FeatureEngine
from prometheus_client import CollectorRegistry

GIB = 2.0**30
NO_PODS = np.empty((0, 2), dtype=np.float32)


def cluster(*names: str, cpu_cores: float = 8.0) -> Cluster:
    nodes = tuple(Node(name, Resources(cpu_cores, 32 * GIB)) for name in names)
    return Cluster(nodes, 60.0, 0.0, {name: (f"{name}.internal",) for name in names})


def scrape(number: int, **cpu_cores: float) -> Scrape:
    usage = np.full((len(cpu_cores), 6), np.nan, dtype=np.float32)
    usage[:, 0], usage[:, 1] = list(cpu_cores.values()), 4 * GIB
    return Scrape(number * 60, number * 60.0, usage, (), NO_PODS, tuple(cpu_cores))


@pytest.fixture
def stream() -> TableStream:
    return TableStream()


@pytest.fixture
def keeper(stream) -> TableKeeper:
    return TableKeeper(stream, FeatureMetrics(CollectorRegistry()), 900.0)


async def test_a_node_that_stays_keeps_its_windows_and_pods_when_others_come_and_go(keeper, stream, bind):
    await keeper.change_nodes(cluster("a", "b"))
    keeper.take([bind("on-a", "a", 1.0), bind("on-b", "b", 2.0)])
    for number in range(1, 11):
        await keeper.advance(scrape(number, a=1.0, b=4.0))
    gone = await keeper.change_nodes(cluster("b", "c"))
    assert [(event.pod.uid, event.node_name, event.event_time_seconds) for event in gone] == [("on-a", "a", 1.0)]
    await keeper.advance(scrape(11, b=4.0, c=2.0))
    table = stream.table()
    assert table.node_names == ("b", "c")
    np.testing.assert_array_equal(table.column("pod_count"), [1, 0])
    np.testing.assert_array_equal(table.column("cpu_used_ratio"), np.float32([0.5, 0.25]))
    np.testing.assert_array_equal(table.column("node_age_seconds"), [600, 0])
    assert keeper.cluster.addresses == {"b": ("b.internal",), "c": ("c.internal",)}


async def test_subscribers_are_told_that_pods_ended_with_their_node_and_of_their_return(keeper, stream, bind):
    told = []
    stream.publish_delta = lambda delta: told.append((delta.event.kind.value, delta.event.pod.uid))
    await keeper.change_nodes(cluster("a", "b"))
    keeper.take([bind("p", "a", 1.0)])
    gone = await keeper.change_nodes(cluster("b"))
    assert list(keeper.pods_by_uid()) == []
    await keeper.change_nodes(cluster("a", "b"))
    keeper.take(gone)
    assert told == [("bound", "p"), ("ended", "p"), ("bound", "p")]
    assert list(keeper.pods_by_uid()) == ["p"]


async def test_a_node_that_changes_its_size_keeps_what_was_measured(keeper, stream):
    await keeper.change_nodes(cluster("a"))
    await keeper.advance(scrape(1, a=2.0))
    await keeper.change_nodes(cluster("a", cpu_cores=16.0))
    await keeper.advance(scrape(2, a=np.nan))
    assert stream.table().column("cpu_used_ratio")[0] == np.float32(2 / 16)


async def test_samples_are_joined_by_the_name_of_their_node(keeper, stream):
    await keeper.change_nodes(cluster("a", "b"))
    await keeper.advance(scrape(1, gone=7.0, b=4.0))
    np.testing.assert_array_equal(stream.table().column("cpu_used_ratio"), np.float32([np.nan, 0.5]))


async def test_a_cluster_may_have_no_nodes_for_a_while(keeper, stream):
    await keeper.change_nodes(cluster())
    await keeper.advance(scrape(1))
    assert stream.table().node_names == ()
    await keeper.change_nodes(cluster("a"))
    await keeper.advance(scrape(2, a=2.0))
    assert stream.table().node_names == ("a",)


async def test_nodes_change_after_the_tick_that_is_being_made(keeper, stream, bind, monkeypatch):
    computing, go_on = threading.Event(), threading.Event()
    tick = FeatureEngine.tick

    def held(self, *told):
        computing.set()
        assert go_on.wait(5.0)
        return tick(self, *told)

    monkeypatch.setattr(FeatureEngine, "tick", held)
    await keeper.change_nodes(cluster("a", "b"))
    advancing = asyncio.create_task(keeper.advance(scrape(1, a=1.0, b=1.0)))
    await asyncio.to_thread(computing.wait, 5.0)
    changing = asyncio.create_task(keeper.change_nodes(cluster("b", "c")))
    keeper.take([bind("p", "a", 1.0)])
    assert list(keeper.pods_by_uid()) == ["p"]
    go_on.set()
    await advancing
    assert stream.table().node_names == ("a", "b")
    assert [event.pod.uid for event in await changing] == ["p"]


def test_rows_and_names_of_a_scrape_belong_together():
    usage = np.ones((2, 6), dtype=np.float32)
    with pytest.raises(WrongShape, match="2 rows and 1 names"):
        Scrape(60, 60.0, usage, (), NO_PODS, ("a",)).usage_of(("b",))
    with pytest.raises(Duplicate):
        Scrape(60, 60.0, usage, (), NO_PODS, ("a", "a"))
    assert Scrape(60, 60.0, usage, (), NO_PODS, ("a", "b")).digest != Scrape(60, 60.0, usage, (), NO_PODS, ("b", "a")).digest
