"""What the shipped weight makes of scores: ours decide, requests break ties, and soft constraints still stand against a small gain.

One level of our 0..10 is worth weight x 10 = 160 points. The in-tree scores are 0..100 times their own weights: requests 1 + 1 (fit
and balance), topology spread 2, node affinity and pod affinity 2, tolerated taints 3. The extender is one that scores as told, so
that levels are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from control_plane.fleet import Fleet
from control_plane.scheduler import DROP_IN, OUR_NAME, SECOND, StartScheduler, shipped
from control_plane.stand_in import StandIn

Levels = Callable[..., None]
ZONE = "topology.kubernetes.io/zone"
ROW = "row"


@pytest.fixture
def stand_in(start_scheduler: StartScheduler) -> Iterator[StandIn]:
    """What a scheduler of the shipped configuration asks."""
    extender = StandIn()
    start_scheduler(shipped(SECOND, extender.url, patient=True))
    yield extender
    extender.stop()


def two_nodes(fleet: Fleet) -> list[str]:
    return fleet.add_nodes(2, each=lambda index: {"zone": f"z{index}", "labels": {ROW: str(index)}})


def placed(fleet: Fleet, **arguments: Any) -> str:
    """The node of one more pod, which then goes again."""
    name = f"p{len(fleet.pods())}"
    found = fleet.add_pod(name, scheduler=OUR_NAME, **arguments)
    fleet.api.delete(f"{fleet.pods_path}/{name}", grace_seconds=0)
    return found


def test_both_shipped_configurations_have_one_extender_and_every_plugin() -> None:
    first, second = (yaml.safe_load(path.read_text()) for path in (DROP_IN, SECOND))
    assert first["extenders"] == second["extenders"]
    (extender,) = first["extenders"]
    assert extender["nodeCacheCapable"] is extender["ignorable"] is True
    assert all("plugins" not in profile for profile in first.get("profiles", []) + second["profiles"])


@pytest.mark.parametrize(("cpu", "memory"), [("29", "116Gi"), ("29", "1Gi"), ("1", "116Gi")])
def test_one_level_of_ours_outranks_what_requests_say(cpu: str, memory: str, stand_in: StandIn, fleet: Fleet) -> None:
    full, empty = two_nodes(fleet)
    fleet.add_pod("fills", scheduler=OUR_NAME, cpu=cpu, memory=memory, selector={ROW: "0"})
    stand_in.scores = {full: 6, empty: 5}
    assert placed(fleet) == full
    stand_in.scores = {full: 5, empty: 5}
    assert placed(fleet) == empty  # a tie is broken by requests, as the stock scheduler would


def test_preferred_node_affinity_stands_against_one_level_and_yields_to_two(stand_in: StandIn, fleet: Fleet) -> None:
    liked, other = two_nodes(fleet)
    term = {"matchExpressions": [{"key": ROW, "operator": "In", "values": ["0"]}]}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}]}}
    stand_in.scores = {liked: 5, other: 6}
    assert placed(fleet, affinity=affinity) == liked
    stand_in.scores = {liked: 5, other: 7}
    assert placed(fleet, affinity=affinity) == other


@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
def test_preferred_pod_affinity_stands_against_one_level(kind: str, stand_in: StandIn, fleet: Fleet) -> None:
    with_it, without = two_nodes(fleet)
    fleet.add_pod("there", scheduler=OUR_NAME, labels={"app": "a"}, selector={ROW: "0"})
    term = {"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": ZONE}
    affinity = {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}}
    wanted, other = (with_it, without) if kind == "podAffinity" else (without, with_it)
    stand_in.scores = {wanted: 5, other: 6}
    assert placed(fleet, affinity=affinity, labels={"app": "b"}) == wanted


def test_soft_topology_spread_stands_against_one_level_and_yields_to_two(stand_in: StandIn, fleet: Fleet) -> None:
    crowded, free = two_nodes(fleet)
    for index in range(3):
        fleet.add_pod(f"there-{index}", scheduler=OUR_NAME, labels={"app": "a"}, selector={ROW: "0"})
    selected = {"labelSelector": {"matchLabels": {"app": "a"}}}
    spread = [{"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "ScheduleAnyway"} | selected]
    stand_in.scores = {crowded: 6, free: 5}
    assert placed(fleet, topologySpreadConstraints=spread, labels={"app": "a"}) == free
    stand_in.scores = {crowded: 7, free: 5}
    assert placed(fleet, topologySpreadConstraints=spread, labels={"app": "a"}) == crowded


def test_a_taint_that_says_prefer_not_stands_against_one_level(stand_in: StandIn, fleet: Fleet) -> None:
    taint = [{"key": "old", "effect": "PreferNoSchedule"}]
    disliked, other = fleet.add_nodes(2, each=lambda index: {"taints": taint if index == 0 else []})
    stand_in.scores = {disliked: 6, other: 5}
    assert placed(fleet) == other
    stand_in.scores = {disliked: 7, other: 5}
    assert placed(fleet) == disliked
