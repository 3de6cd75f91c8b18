"""However the extender fails, every pod is bound; how long that took is printed, not asserted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from control_plane.fleet import Fleet
from control_plane.scheduler import OUR_NAME, SECOND, StartScheduler, shipped
from control_plane.stand_in import FAULTS, StandIn
from control_plane.told_stack import ToldStack
from control_plane.waiting import until
from hydatis_cli.exposition import scrape, total_by
from hydatis_cli.readiness import is_ready
from hydatis_cli.stack import Stack
from hydatis_cli.supervision import Supervision

Tell = Callable[[Fleet], ToldStack]
PODS = 20
SHIM = "scheduler-plugin"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """An extender to be broken."""
    extender = StandIn()
    yield extender
    extender.stop()


def bind(fleet: Fleet, prefix: str, how_many: int = PODS) -> float:
    """Seconds until pods made now are all bound."""
    begin = time.monotonic()
    fleet.bound(fleet.add_pods([f"{prefix}-{i}" for i in range(how_many)], scheduler=OUR_NAME))
    return time.monotonic() - begin


def tell(fault: str, seconds: float) -> None:
    print(f"extender {fault}: {PODS} pods bound in {seconds:.2f} s, {1000 * seconds / PODS:.0f} ms a pod")  # noqa: T201


@pytest.mark.parametrize("fault", FAULTS)
def test_every_pod_is_bound_while_the_extender_fails(
    fault: str, stand_in: StandIn, fleet: Fleet, start_scheduler: StartScheduler
) -> None:
    fleet.add_nodes(3)
    start_scheduler(shipped(SECOND, stand_in.url))
    stand_in.fault = fault
    tell(fault, bind(fleet, "during"))
    assert stand_in.asked_count >= PODS
    stand_in.fault = "none"
    tell("well again", bind(fleet, "after"))


class Shim:
    """The shim of the stack, to be hurt."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        (self.process,) = (process for process in stack.processes() if process.name == SHIM)

    @property
    def pid(self) -> int:
        return next(told.pid for told in Supervision(self.stack).status() if told.name == SHIM)

    def full_count(self) -> float:
        return total_by(scrape(f"{self.stack.extender_url}/metrics"), "hydatis_decisions_total", "rung").get("full", 0.0)


def test_pods_are_bound_while_the_shim_hangs_and_by_it_when_it_goes_on(
    stack: Stack, fleet: Fleet, told: Tell, start_scheduler: StartScheduler
) -> None:
    fleet.add_nodes(3)
    told(fleet).use({})
    start_scheduler(shipped(SECOND, stack.extender_url))
    bind(fleet, "before")
    shim = Shim(stack)
    os.kill(shim.pid, signal.SIGSTOP)
    try:
        tell("(shim) hangs", bind(fleet, "during"))
    finally:
        os.kill(shim.pid, signal.SIGCONT)
    until(lambda: is_ready(shim.process), "the shim answers")
    seen = shim.full_count()
    tell("(shim) goes on", bind(fleet, "after"))
    assert shim.full_count() > seen


def test_pods_are_bound_while_the_shim_is_dead_and_by_it_when_it_is_back(
    stack: Stack, fleet: Fleet, told: Tell, start_scheduler: StartScheduler
) -> None:
    fleet.add_nodes(3)
    told(fleet).use({})
    start_scheduler(shipped(SECOND, stack.extender_url))
    bind(fleet, "before")
    shim, begin = Shim(stack), time.monotonic()
    dead = shim.pid
    os.kill(dead, signal.SIGKILL)
    first = bind(fleet, "first", 1)
    tell("(shim) dead, then starting", bind(fleet, "during"))
    until(lambda: shim.pid not in (0, dead) and is_ready(shim.process), "the shim is back")
    back = time.monotonic()
    count = 0

    def decided_in_full() -> bool:
        nonlocal count
        count += 1
        before = shim.full_count()
        bind(fleet, f"again-{count}", 1)
        return shim.full_count() > before

    until(decided_in_full, "a pod on the full rung")
    full = time.monotonic()
    back_after, full_after = back - begin, full - back
    print(f"shim killed: a pod without it after {first:.2f} s, ready after {back_after:.1f} s, full {full_after:.2f} s later")  # noqa: T201
