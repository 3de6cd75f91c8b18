"""Pods a second of the real kube-scheduler: without an extender, with one that answers constants, and with ours.

Figures are printed with the load of the machine and not asserted, as all timings are; what can be compared is their ratio. Pods are
made first and the scheduler is started then, so that making them takes nothing from it. The kubelets work beside it in all three.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from control_plane.constant_extender import __file__ as constant_extender
from control_plane.fleet import Fleet
from control_plane.processes import Program, free_port
from control_plane.scheduler import OUR_NAME, SECOND, StartScheduler, shipped, stock
from control_plane.told_stack import ToldStack
from hydatis_cli.exposition import differences, scrape, total_by
from hydatis_cli.stack import Stack

Tell = Callable[[Fleet], ToldStack]
PODS = 500


@pytest.fixture
def constant_url(tmp_path: Path) -> Iterator[str]:
    """URL of the constant extender."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    program = Program([sys.executable, constant_extender, str(port)], tmp_path / "constant.log", f"{url}/readyz")
    yield url
    program.stop()


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1_000, 5_000])
def test_every_pod_is_bound_and_how_many_a_second_is_told(
    nodes: int, stack: Stack, constant_url: str, fleet: Fleet, told: Tell, start_scheduler: StartScheduler
) -> None:
    names = fleet.add_nodes(nodes)
    told(fleet).use({name: 0.05 + 0.05 * (row % 10) for row, name in enumerate(names)})
    configurations = {
        "no extender": stock(OUR_NAME),
        "constant extender": shipped(SECOND, constant_url),
        "HYDATIS": shipped(SECOND, stack.extender_url),
    }
    for name, configuration in configurations.items():
        pods = fleet.add_pods([f"p{i:05d}" for i in range(PODS)], scheduler=OUR_NAME)
        before = scrape(f"{stack.extender_url}/metrics")
        scheduler = start_scheduler(configuration)
        begin = time.monotonic()
        fleet.bound(pods, timeout_seconds=300.0)
        rate = PODS / (time.monotonic() - begin)
        cpu_ms = 1000 * scheduler.program.cpu_seconds() / PODS
        rungs = total_by(differences(before, scrape(f"{stack.extender_url}/metrics")), "hydatis_decisions_total", "rung")
        load = os.getloadavg()[0]
        print(f"{nodes} nodes, {name}: {rate:.0f} pods/s, {cpu_ms:.1f} CPU ms a pod, rungs {rungs}, load {load:.1f}")  # noqa: T201
        scheduler.stop()
        fleet.remove_pods()
