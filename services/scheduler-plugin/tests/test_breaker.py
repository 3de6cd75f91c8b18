"""A breaker opens after failures in a row and is closed by the first probe that is answered."""

from __future__ import annotations

import asyncio

from hydatis_core.errors import TooLate
from hydatis_scheduler_plugin.breaker import Breaker


class Peer:
    """Fails so many probes, in ways both expected and not, and then answers."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.probes = 0
        self.answered = asyncio.Event()

    async def probe(self) -> None:
        self.probes += 1
        if self.probes <= self.failures:
            raise TooLate("late") if self.probes % 2 else ValueError("a defect")
        self.answered.set()


async def test_it_opens_only_after_failures_in_a_row() -> None:
    breaker = Breaker(Peer(99).probe, failures_to_open=2)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert not breaker.open
    breaker.failed()
    assert breaker.open
    await breaker.stop()


async def test_it_probes_until_the_peer_answers() -> None:
    told: list[bool] = []
    peer = Peer(failures=3)
    breaker = Breaker(peer.probe, failures_to_open=1, probe_seconds=0.001, on_change=told.append)
    breaker.failed()
    breaker.failed()
    await asyncio.wait_for(peer.answered.wait(), 5)
    await asyncio.sleep(0)
    assert not breaker.open
    assert peer.probes == 4
    assert told == [True, False]
    breaker.failed()
    assert breaker.open
    await breaker.stop()
