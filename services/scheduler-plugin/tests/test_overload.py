"""More pods at a time than are decided on: the surplus is answered neutrally and at once, so the stock scheduler places it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


@pytest.mark.parametrize("world", [{"max_decisions_count": 1, "decision_budget_ms": 5000}], indirect=True)
async def test_one_decision_too_many_is_neutral_at_once_and_counted(world: Any) -> None:
    await world.whole()
    gate = world.placement.gate = asyncio.Event()
    first = asyncio.create_task(world.schedule())
    await world.until(lambda: len(world.placement.queries) == 1)
    args = world.args()
    filtered, scores = await world.schedule(args)
    assert not first.done()
    assert (filtered["NodeNames"], filtered["FailedNodes"], set(scores.values())) == (args["NodeNames"], {}, {0})
    assert await world.metric('hydatis_decisions_total{reason="overloaded",rung="abstain"}') == 1
    gate.set()
    _, decided = await first
    assert max(decided.values()) == 10
    assert max((await world.schedule())[1].values()) == 10
