"""Two hundred pods in a second, before anything of them is measured, do not pile up on the node that was best before the first."""

from __future__ import annotations

from collections.abc import Callable

from control_plane.fleet import Fleet
from control_plane.scheduler import OUR_NAME, SECOND, StartScheduler, shipped
from control_plane.told_stack import ToldStack
from hydatis_cli.stack import Stack

Tell = Callable[[Fleet], ToldStack]
NODES, PODS = 40, 200


def test_a_burst_of_pods_does_not_pile_up(stack: Stack, fleet: Fleet, told: Tell, start_scheduler: StartScheduler) -> None:
    names = fleet.add_nodes(NODES)
    told(fleet).use({name: 0.10 + 0.005 * row for row, name in enumerate(names)})
    pods = fleet.add_pods([f"p{i:03d}" for i in range(PODS)], scheduler=OUR_NAME, cpu="1")
    start_scheduler(shipped(SECOND, stack.extender_url, patient=True))
    fleet.bound(pods, timeout_seconds=120.0)
    most = max(fleet.per_node().values())
    print(f"burst of {PODS} pods on {NODES} nodes: at most {most} on one, {len(fleet.per_node())} nodes used")  # noqa: T201
    assert most <= 3 * PODS / NODES  # a node has room for 32
