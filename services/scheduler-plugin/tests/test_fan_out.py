"""What the streams did not bring is asked for once, and a peer that failed is not waited for."""

from __future__ import annotations

import asyncio
from typing import Any

from hydatis_core.errors import TooLate
from hydatis_placement.credit_ledger import CreditLedger
from hydatis_scheduler_plugin.fan_out import FanOut, Peer
from hydatis_scheduler_plugin.state import ClusterMemory


async def test_many_decisions_share_one_call(make: Any) -> None:
    memory, calls = ClusterMemory(CreditLedger()), []

    async def fetch(generation: int, timeout_seconds: float) -> None:
        calls.append(generation)
        await asyncio.sleep(0)
        memory.take_forecast(make.forecast(generation))

    fan_out = FanOut(memory, (Peer("forecast", fetch, lambda: 0.0),))
    memory.take_table(make.table())
    await asyncio.gather(*(fan_out.fill(1.0) for _ in range(5)))
    assert calls == [make.G]
    assert memory.footing is not None
    assert memory.footing.generations == (make.G,)
    await fan_out.fill(1.0)
    assert calls == [make.G]


async def test_a_peer_that_failed_is_left_alone_and_then_asked_without_waiting(make: Any) -> None:
    memory, results, now = ClusterMemory(CreditLedger()), [], [0.0]
    gate = asyncio.Event()

    async def fetch(generation: int, timeout_seconds: float) -> None:
        if not results:
            raise TooLate("late")
        await gate.wait()
        memory.take_forecast(make.forecast(generation))

    peer = Peer("forecast", fetch, lambda: now[0], pause_seconds=0.25, on_result=lambda _name, result: results.append(result))
    fan_out = FanOut(memory, (peer,))
    memory.take_table(make.table())
    await fan_out.fill(1.0)
    await fan_out.fill(1.0)
    assert results == ["TooLate"]
    now[0] = 0.3
    await fan_out.fill(1.0)  # returns though the call is under way: the last one failed
    gate.set()
    call = peer.ask(make.G, 1.0)
    assert call is not None
    await call
    assert results == ["TooLate", "good"]
    await fan_out.stop()


async def test_a_missing_risk_is_asked_for_but_not_waited_for(make: Any) -> None:
    memory, gate = ClusterMemory(CreditLedger()), asyncio.Event()

    async def fetch(generation: int, timeout_seconds: float) -> None:
        await gate.wait()
        memory.take_risk(make.risk(generation))

    peer = Peer("risk", fetch, lambda: 0.0)
    memory.take_table(make.table())
    memory.take_forecast(make.forecast())
    await FanOut(memory, (peer,)).fill(1.0)
    assert memory.missing() == ("risk",)
    gate.set()
    call = peer.ask(make.G, 1.0)
    assert call is not None
    await call
    assert memory.missing() == ()
