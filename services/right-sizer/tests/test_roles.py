"""Roles run where leadership is, all of them, and end with it."""

from __future__ import annotations

import asyncio

from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics
from hydatis_right_sizer.roles import Alone, RoleRunner
from prometheus_client import CollectorRegistry


class Given(Alone):
    """Leadership that is given and taken by the test."""

    def __init__(self) -> None:
        self.given, self.taken = asyncio.Event(), asyncio.Event()

    async def won(self) -> None:
        await self.given.wait()

    async def lost(self) -> None:
        await self.taken.wait()
        self.given.clear()


class Counting:
    """Counts how often it was begun, and says that it ended."""

    name = "counting"

    def __init__(self, breaks: bool = False) -> None:
        self.begun, self.breaks = 0, breaks
        self.began, self.gone = asyncio.Event(), asyncio.Event()
        self.third_time = asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        self.began.set()
        if self.begun == 3:
            self.third_time.set()
        try:
            if self.breaks:
                raise RuntimeError("broken")
            await asyncio.Event().wait()
        finally:
            self.gone.set()


async def runs() -> None:
    registry = CollectorRegistry()
    given, good, broken = Given(), Counting(), Counting(breaks=True)
    runner = RoleRunner(given, [good, broken], RightSizerMetrics(registry), again_seconds=0.0)
    await runner.start()
    assert good.begun == 0
    given.given.set()
    await good.began.wait()
    assert registry.get_sample_value("hydatis_leader") == 1
    await broken.third_time.wait()
    given.taken.set()
    await good.gone.wait()
    assert (good.begun, registry.get_sample_value("hydatis_leader")) == (1, 0)
    begun = broken.begun
    await runner.stop()
    assert broken.begun == begun


def test_roles_run_while_this_replica_leads() -> None:
    asyncio.run(asyncio.wait_for(runs(), 10))
