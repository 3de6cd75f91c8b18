"""How long pods wait when the extender dies, and how long until it decides in full again."""

from __future__ import annotations

import os
import signal
import time

from control_plane.scheduler import OUR_NAME, SECOND, shipped
from control_plane.waiting import until
from hydatis_cli.exposition import scrape, total_by
from hydatis_cli.readiness import is_ready
from hydatis_cli.stack import Stack

from cluster_bench.scene import Scene
from cluster_bench.watched_stack import RunningStack

__all__ = ["outage"]

SHIM = "scheduler-plugin"
#: Pods that are bound before, so that connections are open.
BEFORE_COUNT = 5


def outage(scene: Scene, running: RunningStack) -> dict[str, float]:
    """Seconds from the shim's death to the first pod without it and to its being ready again, and from then to the full rung."""
    stack = running.stack
    (shim,) = (process for process in stack.processes() if process.name == SHIM)
    with scene.scheduler(shipped(SECOND, stack.extender_url)):
        for index in range(BEFORE_COUNT):
            scene.fleet.add_pod(f"before-{index}", scheduler=OUR_NAME)
        dead = running.pids()[SHIM]
        os.kill(dead, signal.SIGKILL)
        died = time.monotonic()
        scene.fleet.add_pod("without", scheduler=OUR_NAME)
        bound = time.monotonic()
        until(lambda: running.pids().get(SHIM, dead) != dead and is_ready(shim), "the shim is back")
        back = time.monotonic()
        count = 0

        def in_full() -> bool:
            nonlocal count
            count += 1
            before = _full_count(stack)
            scene.fleet.add_pod(f"again-{count}", scheduler=OUR_NAME)
            return _full_count(stack) > before

        until(in_full, "a pod on the full rung")
        full = time.monotonic()
    scene.fleet.remove_pods()
    return {"first_pod_without_it": bound - died, "ready_again": back - died, "full_rung_after_ready": full - back}


def _full_count(stack: Stack) -> float:
    return total_by(scrape(f"{stack.extender_url}/metrics"), "hydatis_decisions_total", "rung").get("full", 0.0)
