"""An extender that abstains, watches only, is switched off or dead leaves every pod where the stock profile would have put it.

Equal top scores are broken by chance, so nodes and pods have sizes with which there are none: the stock scheduler's log says so.
"""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from control_plane.api import Api
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.processes import free_port
from control_plane.scheduler import OUR_NAME, SECOND, Scheduler, StartScheduler, shipped, stock
from control_plane.told_stack import ToldStack
from hydatis_cli.stack import Stack

Tell = Callable[[Fleet], ToldStack]
#: Cores and GiB of memory of the nodes; CPU in thousandths and memory in Mi of the pods, in order: such that no release of ours
#: sees two best nodes, between which kube-scheduler throws dice.
NODES = ((4, 61), (6, 11), (9, 37), (13, 19), (19, 29), (28, 7))
PODS = (
    (600, 1100),
    (1200, 700),
    (1200, 900),
    (1200, 600),
    (1100, 1700),
    (1200, 700),
    (400, 400),
    (1000, 800),
    (1300, 1100),
    (200, 1500),
)
STOCK_NAME = "stock"
FINAL_SCORE = re.compile(r'"Calculated node\'s final score for pod" pod="(\S+)" node="(\S+)" score=(\d+)')


def nodes_of(fleet: Fleet) -> None:
    fleet.add_nodes(len(NODES), each=lambda row: {"cpu": str(NODES[row][0]), "memory": f"{NODES[row][1]}Gi"})


def placements(fleet: Fleet, scheduler: str) -> list[int]:
    """The row of each pod's node; one pod at a time, each after all before it."""
    found = []
    for index, (cpu, memory) in enumerate(PODS):
        node = fleet.add_pod(f"p{index}", scheduler=scheduler, cpu=f"{cpu}m", memory=f"{memory}Mi")
        found.append(fleet.node_names.index(node))
    return found


@pytest.fixture(scope="module")
def by_stock(
    api: Api, kubelets: Kubelets, kubeconfig_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> list[int]:
    """What the stock profile does."""
    fleet = Fleet(api, f"stock-{uuid.uuid4().hex[:8]}")
    binary, folder = Binaries.chosen().path("kube-scheduler"), tmp_path_factory.mktemp("stock")
    stock_scheduler = Scheduler(binary, kubeconfig_of("kube-scheduler"), stock(STOCK_NAME), folder, verbosity=10)
    try:
        nodes_of(fleet)
        found = placements(fleet, STOCK_NAME)
    finally:
        stock_scheduler.stop()
        fleet.remove()
    scores: dict[str, list[int]] = defaultdict(list)
    for pod, _, score in FINAL_SCORE.findall(stock_scheduler.program.log.read_text()):
        scores[pod].append(int(score))
    assert len(scores) == len(PODS)
    for pod, each in scores.items():
        assert sorted(each)[-1] > sorted(each)[-2], f"{pod} has two best nodes"
    return found


def test_what_ours_would_do_is_something_else(
    by_stock: list[int], stack: Stack, fleet: Fleet, told: Tell, start_scheduler: StartScheduler
) -> None:
    # without this the others would show nothing
    start_scheduler(shipped(SECOND, stack.extender_url, patient=True))
    nodes_of(fleet)
    told(fleet).use({fleet.node_names[by_stock[0]]: 0.8})
    assert placements(fleet, OUR_NAME) != by_stock


def test_abstaining_places_like_the_stock_profile(
    by_stock: list[int], stack: Stack, fleet: Fleet, told: Tell, start_scheduler: StartScheduler
) -> None:
    start_scheduler(shipped(SECOND, stack.extender_url, patient=True))
    nodes_of(fleet)
    told(fleet)  # the nodes are known, and nothing was ever measured
    assert placements(fleet, OUR_NAME) == by_stock


@pytest.mark.parametrize("policy", ["mode: shadow\n", "mode: off\n", "ramp_pct: 0\n", "scheduler_names: [another]\n"])
def test_a_policy_that_influences_nothing_places_like_the_stock_profile(
    policy: str,
    by_stock: list[int],
    policy_in_force: Callable[[str], None],
    stack: Stack,
    fleet: Fleet,
    told: Tell,
    start_scheduler: StartScheduler,
) -> None:
    policy_in_force(policy)
    start_scheduler(shipped(SECOND, stack.extender_url, patient=True))
    nodes_of(fleet)
    told(fleet).use({fleet.node_names[by_stock[0]]: 0.8})
    assert placements(fleet, OUR_NAME) == by_stock


def test_a_dead_extender_places_like_the_stock_profile(by_stock: list[int], fleet: Fleet, start_scheduler: StartScheduler) -> None:
    start_scheduler(shipped(SECOND, f"http://127.0.0.1:{free_port()}"))
    nodes_of(fleet)
    assert placements(fleet, OUR_NAME) == by_stock
