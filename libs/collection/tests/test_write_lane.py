"""A lane loses nothing that its store could hold, and holds no more than stated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hydatis_collection import write_lane
from hydatis_collection.write_lane import Told, WriteLane
from hydatis_collection.writer_metrics import WriterMetrics
from hydatis_core.errors import DependencyUnavailable, UnknownColumn
from hydatis_features.profile_summaries import WorkloadProfile
from hydatis_features.table import NodeTable
from prometheus_client import CollectorRegistry


def told(generation: int, *keys: str) -> Told:
    table = NodeTable(generation, ("a",), ("pod_count",), np.ones((1, 1), dtype=np.float32))
    return Told(table, {key: WorkloadProfile(key, float(generation), (0.1,) * 4) for key in keys})


class Store:
    """Takes what is written, or fails as it is told."""

    def __init__(self) -> None:
        self.written: list[Told] = []
        self.error: Exception | None = None
        self.failures_count = 0

    def write(self, one: Told) -> bool:
        if self.error is not None:
            self.failures_count += 1
            raise self.error
        new = one.table.generation not in [other.table.generation for other in self.written]
        self.written.append(one)
        return new

    @property
    def generations(self) -> list[int]:
        return [one.table.generation for one in self.written]


@pytest.fixture
def metrics() -> WriterMetrics:
    return WriterMetrics(CollectorRegistry())


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def make(store: Store, metrics: WriterMetrics, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WriteLane]:
    monkeypatch.setattr(write_lane, "FIRST_PAUSE_SECONDS", 0.001)

    def made(capacity: int = 8, every_seconds: float = 0) -> WriteLane:
        return WriteLane("offline", store.write, every_seconds=every_seconds, capacity=capacity, metrics=metrics)

    return made


@asynccontextmanager
async def running(lane: WriteLane) -> AsyncIterator[None]:
    task = asyncio.create_task(lane.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # what is waited for happens in a thread
            await asyncio.sleep(0.001)


async def test_generations_are_written_in_order_and_none_twice(make, store, metrics) -> None:
    lane = make()
    async with running(lane):
        for generation in (60, 120, 120, 60, 180):
            lane.put(told(generation))
        await until(lambda: lane.is_idle)
    assert store.generations == [60, 120, 180]
    assert metrics.counts("offline") == {"written": 3}


async def test_a_store_that_is_down_is_counted_and_caught_up_with(make, store, metrics) -> None:
    lane = make()
    store.error = DependencyUnavailable("down")
    async with running(lane):
        for generation in (60, 120):
            lane.put(told(generation))
        await until(lambda: store.failures_count >= 3)
        store.error = None
        await until(lambda: lane.is_idle)
    assert store.generations == [60, 120]
    counts = metrics.counts("offline")
    assert counts["failed"] >= 3
    assert counts["written"] == 2


async def test_a_full_lane_keeps_the_newest_and_all_profiles(make, store, metrics) -> None:
    lane = make(capacity=1)
    lane.put(told(60, "only/then", "both/times"))
    lane.put(told(120, "both/times"))
    lane.put(told(180))
    async with running(lane):
        await until(lambda: lane.is_idle)
    (one,) = store.written
    assert one.table.generation == 180
    assert {key: profile.sample_weight for key, profile in one.profiles.items()} == {"only/then": 60, "both/times": 120}
    assert metrics.counts("offline") == {"superseded": 2, "written": 1}


async def test_what_failed_makes_way_for_what_is_newer(make, store, metrics) -> None:
    lane = make(capacity=1)
    store.error = DependencyUnavailable("down")
    async with running(lane):
        lane.put(told(60, "a/b"))
        await until(lambda: store.failures_count >= 1)
        lane.put(told(120))
        await until(lambda: metrics.counts("offline").get("superseded") == 1)
        store.error = None
        await until(lambda: lane.is_idle)
    assert store.generations == [120]
    assert set(store.written[0].profiles) == {"a/b"}


async def test_one_generation_in_a_period_is_written_with_the_profiles_of_all(make, store) -> None:
    lane = make(every_seconds=300)
    async with running(lane):
        for generation in range(600, 1260, 60):
            lane.put(told(generation, f"of/{generation}"))
        await until(lambda: lane.is_idle)
    assert store.generations == [600, 900, 1200]
    assert set(store.written[1].profiles) == {f"of/{generation}" for generation in range(660, 960, 60)}


async def test_what_is_wrong_is_refused_once_and_the_next_goes_on(make, store, metrics) -> None:
    lane = make()
    store.error = UnknownColumn("another version")
    async with running(lane):
        lane.put(told(60))
        await until(lambda: lane.is_idle)
        store.error = None
        lane.put(told(120))
        await until(lambda: lane.is_idle)
    assert store.generations == [120]
    assert metrics.counts("offline") == {"refused": 1, "written": 1}
