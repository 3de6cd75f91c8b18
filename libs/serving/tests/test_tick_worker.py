"""One thing made of each table: the newest first, tried again after a failure, counted."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from hydatis_core.errors import DependencyUnavailable
from hydatis_features.table import NodeTable
from hydatis_serving.metrics import TickMetrics
from hydatis_serving.testing import TIMEOUT_SECONDS, table_of_use
from hydatis_serving.tick_worker import TickWorker
from prometheus_client import CollectorRegistry


def table(generation: int, used: float = 0.5) -> NodeTable:
    return table_of_use(generation, [used, used])


class Work:
    """A worker that makes the generation of a table, and what it published."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.published: asyncio.Queue[int] = asyncio.Queue()
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self.may_finish = asyncio.Event()
        self.may_finish.set()
        self.failures: list[Exception] = []
        """What the next attempts fail with."""
        self.publish_failures: list[Exception] = []
        """What the next publications fail with."""
        self.worker: TickWorker[int]

    async def make(self, table: NodeTable) -> int:
        self.begun.put_nowait(table.generation)
        await self.may_finish.wait()
        if self.failures:
            raise self.failures.pop(0)
        return table.generation

    def publish(self, _: NodeTable, made: int) -> None:
        if self.publish_failures:
            raise self.publish_failures.pop(0)
        self.published.put_nowait(made)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    async def next(self, queue: asyncio.Queue[int]) -> int:
        return await asyncio.wait_for(queue.get(), TIMEOUT_SECONDS)


@pytest.fixture
async def run() -> AsyncIterator[Callable[..., Work]]:
    """Starts a worker; stops it at the end."""
    works: list[Work] = []

    def start(retry_seconds: float = 0.001) -> Work:
        work = Work()
        work.worker = TickWorker(
            "forecast",
            work.make,
            work.publish,
            TickMetrics(work.registry, "forecast"),
            retry_first_seconds=retry_seconds,
            retry_longest_seconds=retry_seconds,
        )
        work.worker.start()
        works.append(work)
        return work

    yield start
    for work in works:
        await work.worker.stop()


async def test_each_table_is_worked_on_once_and_counted(run):
    work = run()
    for generation in (60, 120):
        work.worker.take(table(generation))
        assert await work.next(work.published) == generation
    assert work.value("hydatis_forecast_seconds_count") == 2
    assert work.value("hydatis_generation_seconds", source="forecast") == 120


async def test_what_was_begun_is_finished_and_what_was_not_is_skipped(run):
    work = run()
    work.may_finish.clear()
    work.worker.take(table(60))
    await work.next(work.begun)
    for generation in (120, 180, 240):
        work.worker.take(table(generation))
    work.may_finish.set()
    assert [await work.next(work.published), await work.next(work.published)] == [60, 240]
    assert work.value("hydatis_forecast_skipped_tables_count") == 2


async def test_a_table_said_again_is_not_worked_on_again(run):
    work = run()
    work.worker.take(table(60))
    assert await work.next(work.published) == 60
    work.worker.take(table(60))
    work.worker.take(table(120))
    assert await work.next(work.published) == 120
    assert work.value("hydatis_forecast_skipped_tables_count") == 0


@pytest.mark.parametrize("other", [table(60, used=0.1), table(30)], ids=["the same tick", "an earlier tick"])
async def test_another_cluster_is_worked_on_whatever_its_tick(run, other):
    work = run()
    for said in (table(60), other):
        work.worker.take(said)
        assert await work.next(work.published) == said.generation


@pytest.mark.parametrize("failure", [DependencyUnavailable("no model"), ZeroDivisionError()], ids=["an outage", "a defect"])
async def test_a_failure_costs_an_attempt_and_not_the_worker(run, failure):
    work = run()
    work.failures = [failure, failure]
    work.worker.take(table(60))
    assert await work.next(work.published) == 60
    assert work.value("hydatis_forecast_failures_total", error=type(failure).__name__) == 2


async def test_a_publication_that_fails_is_tried_again_and_the_worker_goes_on(run):
    work = run()
    work.publish_failures = [ZeroDivisionError()]
    for generation in (60, 120):
        work.worker.take(table(generation))
        assert await work.next(work.published) == generation
    assert work.value("hydatis_forecast_failures_total", error="ZeroDivisionError") == 1


async def test_a_newer_table_ends_the_retries_of_an_older_one(run):
    work = run(retry_seconds=30.0)
    work.failures = [DependencyUnavailable("no model")]
    work.worker.take(table(60))
    await work.next(work.begun)
    work.worker.take(table(120))
    assert await work.next(work.published) == 120


async def test_stopping_drops_what_is_half_done():
    work = Work()
    worker = TickWorker(
        "forecast",
        work.make,
        lambda *_: None,
        TickMetrics(work.registry, "forecast"),
        retry_first_seconds=1.0,
        retry_longest_seconds=1.0,
    )
    await worker.stop()  # never started
    work.may_finish.clear()
    worker.start()
    worker.take(table(60))
    await work.next(work.begun)
    await asyncio.wait_for(worker.stop(), TIMEOUT_SECONDS)
    assert work.value("hydatis_forecast_seconds_count") == 0
