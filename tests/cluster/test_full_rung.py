"""Real pods, bound by the real kube-scheduler by our advice: all of them, by the full rung, and on the better nodes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from control_plane.fleet import Fleet
from control_plane.scheduler import OUR_NAME, SECOND, StartScheduler, shipped
from control_plane.told_stack import ToldStack
from hydatis_cli.exposition import Samples, differences, scrape, total_by
from hydatis_cli.stack import Stack

Tell = Callable[[Fleet], ToldStack]
#: Share of the decisions that the whole model answers on a machine that does nothing else; the rest missed a deadline.
FULL_RATIO = 0.99
#: The same beside whatever else a machine does that tests.
BUSY_FULL_RATIO = 0.5
#: What a missed deadline makes of the full rung, and nothing else may be seen.
RUNGS = {"full", "full_local", "greedy"}


def decisions(stack: Stack) -> Samples:
    return scrape(f"{stack.extender_url}/metrics")


def rungs_since(stack: Stack, before: Samples) -> dict[str, float]:
    return total_by(differences(before, decisions(stack)), "hydatis_decisions_total", "rung")


def place_many(stack: Stack, fleet: Fleet, tell: Tell, start: StartScheduler, nodes: int, pods: int, full_ratio: float) -> None:
    fleet.add_nodes(nodes)
    told = tell(fleet)
    told.use({name: 0.05 + 0.5 * (row % 10) / 10 for row, name in enumerate(fleet.node_names)})
    names = fleet.add_pods([f"p{i:05d}" for i in range(pods)], scheduler=OUR_NAME)
    before, begin = decisions(stack), time.monotonic()
    start(shipped(SECOND, stack.extender_url))
    placed = fleet.bound(names, timeout_seconds=120.0 + pods / 5)
    seconds = time.monotonic() - begin
    rose = differences(before, decisions(stack))
    rungs, reasons = (total_by(rose, "hydatis_decisions_total", label) for label in ("rung", "reason"))
    busy = sum(int(node.rsplit("-", 1)[1]) % 10 >= 5 for node in placed.values())
    print(f"{pods} pods on {nodes} nodes: {pods / seconds:.0f} pods/s, rungs {rungs}, reasons {reasons}, {busy} on the busier half")  # noqa: T201
    assert rungs["full"] >= full_ratio * pods, reasons
    assert set(rungs) <= RUNGS
    assert busy < pods / 4  # by chance it were a half


def test_every_pod_is_bound_by_the_full_rung_on_a_thousand_nodes(
    stack: Stack, fleet: Fleet, told: Tell, start_scheduler: StartScheduler
) -> None:
    place_many(stack, fleet, told, start_scheduler, nodes=1_000, pods=200, full_ratio=BUSY_FULL_RATIO)


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1_000, 5_000])
def test_two_thousand_pods_are_bound_by_the_full_rung(
    nodes: int, stack: Stack, fleet: Fleet, told: Tell, start_scheduler: StartScheduler
) -> None:
    place_many(stack, fleet, told, start_scheduler, nodes=nodes, pods=2_000, full_ratio=FULL_RATIO)


def test_a_clear_best_node_is_taken(our_scheduler: str, stack: Stack, fleet: Fleet, told: Tell) -> None:
    names = fleet.add_nodes(5)
    told(fleet).use({names[3]: 0.05}, rest=0.7)
    before = decisions(stack)
    assert fleet.add_pod("only", scheduler=our_scheduler) == names[3]
    assert set(rungs_since(stack, before)) <= RUNGS


def test_a_node_that_requests_fill_and_nothing_uses_is_taken_before_one_that_works(
    our_scheduler: str, fleet: Fleet, told: Tell
) -> None:
    # What the whole is for: the in-tree resource scores see requests alone, and are a tie-break.
    asked, used = fleet.add_nodes(2, each=lambda index: {"labels": {"row": str(index)}})
    fleet.add_pod("asks", scheduler=our_scheduler, cpu="24", memory="96Gi", selector={"row": "0"})
    stack_of = told(fleet)
    stack_of.use({asked: 0.02, used: 0.75})
    assert fleet.add_pod("new", scheduler=our_scheduler) == asked
