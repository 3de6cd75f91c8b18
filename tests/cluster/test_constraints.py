"""What a pod or a node demands holds whatever we score: the better node by our scores is the one that must not be taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from control_plane.api import Api
from control_plane.fleet import Fleet, until
from control_plane.manifests import pod
from control_plane.scheduler import OUR_NAME, SECOND, StartScheduler, shipped
from control_plane.told_stack import ToldStack
from hydatis_cli.stack import Stack

Tell = Callable[[Fleet], ToldStack]
HOSTNAME = "kubernetes.io/hostname"
GPU = "nvidia.com/gpu"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


@pytest.fixture(autouse=True)
def ours(stack: Stack, start_scheduler: StartScheduler) -> None:
    """The second scheduler, asking the stack."""
    start_scheduler(shipped(SECOND, stack.extender_url, patient=True))


@pytest.fixture
def urgent(api: Api, fleet: Fleet) -> Iterator[str]:
    """A priority class above that of the others."""
    api.create(CLASSES, {"metadata": {"name": fleet.name}, "value": 1000})
    yield fleet.name
    api.delete(f"{CLASSES}/{fleet.name}")


def unschedulable(fleet: Fleet, name: str) -> None:
    """Returns once the scheduler has said that the pod fits nowhere."""

    def said() -> bool:
        conditions = fleet.pods()[name]["status"].get("conditions", [])
        return any(condition.get("reason") == "Unschedulable" for condition in conditions)

    until(said, f"{name} is unschedulable")


def test_required_anti_affinity_spreads_pods_over_worse_nodes(fleet: Fleet, told: Tell) -> None:
    names = fleet.add_nodes(3)
    told(fleet).use({names[0]: 0.02}, rest=0.6)
    term = {"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": HOSTNAME}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    pods = fleet.add_pods(["a0", "a1", "a2", "a3"], scheduler=OUR_NAME, labels={"app": "a"}, affinity=affinity)
    until(lambda: sum(fleet.per_node().values()) == 3, "three of the four are bound")
    assert set(fleet.per_node().values()) == {1}
    (left,) = (name for name in pods if "nodeName" not in fleet.pods()[name]["spec"])
    unschedulable(fleet, left)


def test_a_taint_keeps_pods_off_the_best_node_unless_they_tolerate_it(fleet: Fleet, told: Tell) -> None:
    taint = {"key": "kept", "value": "yes", "effect": "NoSchedule"}
    kept, other = fleet.add_nodes(2, each=lambda row: {"taints": [taint] if row == 0 else []})
    told(fleet).use({kept: 0.02, other: 0.7})
    assert fleet.add_pod("plain", scheduler=OUR_NAME) == other
    assert fleet.add_pod("tolerant", scheduler=OUR_NAME, tolerations=[{"key": "kept", "operator": "Exists"}]) == kept


def test_a_node_selector_holds_against_a_better_node(fleet: Fleet, told: Tell) -> None:
    names = fleet.add_nodes(3, each=lambda row: {"labels": {"disk": "hdd" if row == 0 else "ssd"}})
    told(fleet).use({names[0]: 0.02, names[1]: 0.7, names[2]: 0.3})
    assert fleet.add_pod("ssd", scheduler=OUR_NAME, selector={"disk": "ssd"}) == names[2]


def test_a_cordoned_node_takes_nothing(api: Api, fleet: Fleet, told: Tell) -> None:
    best, other = fleet.add_nodes(2)
    told(fleet).use({best: 0.02, other: 0.7})
    api.patch(f"/api/v1/nodes/{best}", {"spec": {"unschedulable": True}})
    until(lambda: any(node["spec"].get("taints") for node in fleet.nodes()), "the taint of a cordoned node")
    assert fleet.add_pod("late", scheduler=OUR_NAME) == other


def test_a_node_without_room_is_not_taken_however_idle_it_is(fleet: Fleet, told: Tell) -> None:
    small, _ = fleet.add_nodes(2, each=lambda row: {"cpu": "1" if row == 0 else "8"})
    told(fleet).use({small: 0.01}, rest=0.7)
    names = fleet.add_pods([f"p{i}" for i in range(6)], scheduler=OUR_NAME, cpu="900m")
    fleet.running(names)
    assert fleet.per_node()[small] <= 1


@pytest.mark.parametrize("resource", [GPU, "example.com/licence"])
def test_extended_resources_are_never_given_twice(resource: str, fleet: Fleet, told: Tell) -> None:
    names = fleet.add_nodes(3, each=lambda row: {"extended": {resource: "2"} if row else {}})
    told(fleet).use({names[0]: 0.02}, rest=0.4)
    pods = fleet.add_pods([f"g{i}" for i in range(4)], scheduler=OUR_NAME, extended={resource: "1"})
    fleet.running(pods)
    assert fleet.per_node() == {names[1]: 2, names[2]: 2}
    fleet.add_pods(["fifth"], scheduler=OUR_NAME, extended={resource: "1"})
    unschedulable(fleet, "fifth")


def test_an_urgent_pod_takes_the_place_of_others(fleet: Fleet, told: Tell, urgent: str) -> None:
    names = fleet.add_nodes(2, cpu="4")
    told(fleet).use({}, rest=0.5)
    fleet.running(fleet.add_pods([f"low{i}" for i in range(8)], scheduler=OUR_NAME, cpu="1"))
    assert set(fleet.per_node().values()) == {4}
    assert fleet.add_pod("high", scheduler=OUR_NAME, cpu="2", priorityClassName=urgent) in names
    until(lambda: len(fleet.pods()) == 7, "two pods are gone")


def test_a_daemonset_has_one_pod_on_every_node(api: Api, fleet: Fleet, told: Tell) -> None:
    names = fleet.add_nodes(4)
    told(fleet).use({names[0]: 0.95}, rest=0.1)
    spec = pod("unused", scheduler=OUR_NAME)["spec"] | {"terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": {"app": "agent"}}, "spec": spec}
    selector = {"matchLabels": {"app": "agent"}}
    path = f"/apis/apps/v1/namespaces/{fleet.name}/daemonsets"
    api.create(path, {"metadata": {"name": "agent"}, "spec": {"selector": selector, "template": template}})
    until(lambda: fleet.per_node() == dict.fromkeys(names, 1), "one pod a node")
    api.delete(f"{path}/agent")
    until(lambda: not fleet.pods(), "the agents are gone")
