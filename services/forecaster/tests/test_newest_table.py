"""The table to work on: the newest, each once, in no queue."""

from __future__ import annotations

import asyncio

from hydatis_forecaster.forecast_loop import ForecastLoop
from hydatis_forecaster.forecaster_metrics import ForecasterMetrics
from hydatis_forecaster.newest_table import NewestTable
from prometheus_client import CollectorRegistry


async def test_a_newer_table_replaces_one_that_nobody_took(table):
    tables = NewestTable()
    for generation in (60, 120, 180):
        tables.put(table(generation))
    assert (await tables.take()).generation == 180
    assert tables.skipped_count == 2
    assert not await tables.wait(0.0)


async def test_the_same_table_said_again_is_not_worked_on_again(table):
    tables = NewestTable()
    tables.put(table(60))
    await tables.take()
    tables.put(table(60))
    assert not await tables.wait(0.0)
    tables.put(table(60, used=0.1))  # the same tick of another cluster
    assert (await tables.take()).column("cpu_used_ratio")[0] < 0.2


async def test_what_was_begun_is_finished_and_what_was_not_is_skipped(table):
    begun, may_finish = asyncio.Event(), asyncio.Event()
    made: list[int] = []

    class SlowMaker:
        async def make(self, table):
            begun.set()
            await may_finish.wait()
            return table.generation

    both = asyncio.Event()

    def publish(table, forecast):
        made.append(forecast)
        if len(made) == 2:
            both.set()

    metrics = ForecasterMetrics(CollectorRegistry())
    loop = ForecastLoop(SlowMaker(), publish, metrics, retry_first_seconds=1.0, retry_longest_seconds=1.0)
    loop.start()
    loop.take(table(60))
    await begun.wait()
    for generation in (120, 180, 240):
        loop.take(table(generation))
    may_finish.set()
    await asyncio.wait_for(both.wait(), 5.0)
    await loop.stop()
    assert made == [60, 240]


async def test_a_defect_costs_one_attempt_and_not_the_loop(table):
    made = asyncio.Event()

    class Defective:
        attempts_count = 0

        async def make(self, table):
            self.attempts_count += 1
            if self.attempts_count == 1:
                raise ZeroDivisionError
            return table.generation

    metrics = ForecasterMetrics(CollectorRegistry())
    loop = ForecastLoop(Defective(), lambda *_: made.set(), metrics, retry_first_seconds=0.001, retry_longest_seconds=0.001)
    loop.start()
    loop.take(table(60))
    await asyncio.wait_for(made.wait(), 5.0)
    await loop.stop()
