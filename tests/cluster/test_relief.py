"""Hot nodes are relieved on the real API server: closed by a taint, left by one pod at a time, opened again.

The right-sizer, kube-scheduler, Prometheus and the descheduler are the real ones. Forecasts are told by the test, through the same
streams as in life.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from control_plane.api import Api, JsonObject
from control_plane.descheduler import Descheduler, ScrapingPrometheus
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.manifests import pod
from control_plane.plane import ControlPlane
from control_plane.right_sizer import RightSizer, ensure_type, put_policy
from control_plane.scheduler import DEFAULT_NAME, StartScheduler, stock
from control_plane.told_forecasts import ToldForecasts
from control_plane.waiting import until
from hydatis_cli.exposition import scrape, total_by

HOT = "hydatis.io/hot"
PREFER = {"mode": "apply", "relief": {"mode": "prefer"}}
SECONDS = 30.0
#: A taint of somebody else.
FOREIGN = {"key": "example.com/gpu", "value": "yes", "effect": "PreferNoSchedule"}


@dataclass
class Scene:
    """A fleet, forecasts of its nodes, and whoever was started."""

    api: Api
    fleet: Fleet
    plane: ControlPlane
    folder: Path
    forecasts: ToldForecasts
    started: list[Any] = field(default_factory=list)

    def start(self, policy: dict[str, Any] | None = None) -> RightSizer:
        """Starts a right-sizer under a policy."""
        put_policy(self.api, self.fleet.name, policy or PREFER)
        folder = self.folder / f"right-sizer-{len(self.started)}"
        settings = self.forecasts.settings | {"relief_seconds": 0.3}
        self.started.append(RightSizer(self.plane.kubeconfig("admin"), folder, self.fleet.name, **settings))
        return self.started[-1]

    def say(self, hot: dict[str, float], rest: float = 0.3) -> None:
        """How hot nodes will get."""
        self.forecasts.say({name: hot.get(name, rest) for name in self.fleet.node_names})

    def taints(self) -> dict[str, str]:
        """Effect of our taint by node."""
        return {
            node["metadata"]["name"]: taint["effect"]
            for node in self.fleet.nodes()
            for taint in node["spec"].get("taints") or []
            if taint["key"] == HOT
        }

    def closed(self, *names: str) -> None:
        """Waits until these nodes are closed, and no other is."""
        until(lambda: sorted(self.taints()) == sorted(names), f"closed are {names}", SECONDS)

    def events(self, node: str) -> list[str]:
        """Reasons of the events of a node."""
        found = self.api.items("/api/v1/namespaces/default/events", fieldSelector=f"involvedObject.name={node}")
        return sorted(one["reason"] for one in found)


@pytest.fixture
def scene(own_plane: ControlPlane, api: Api, fleet: Fleet, kubelets: Kubelets, tmp_path: Path) -> Iterator[Scene]:
    ensure_type(api)
    forecasts = ToldForecasts()
    made = Scene(api, fleet, own_plane, tmp_path, forecasts)
    yield made
    for one in reversed(made.started):
        one.stop()
    forecasts.stop()


def test_a_node_that_stays_hot_is_closed_and_opened_again_and_nobody_elses_taint_is_touched(scene: Scene) -> None:
    first, *_ = scene.fleet.add_nodes(1, taints=[FOREIGN]) + scene.fleet.add_nodes(3)
    scene.say({first: 0.97})
    right_sizer = scene.start()
    scene.closed(first)
    assert scene.taints()[first] == "PreferNoSchedule"
    until(lambda: "NodeTainted" in scene.events(first), "an event", SECONDS)
    shown = scrape(right_sizer.metrics_url)
    assert total_by(shown, "hydatis_relief_node_forecast_ratio", "node")[first] == pytest.approx(0.97)
    assert total_by(shown, "hydatis_relief_node_handed_ratio", "node")[first] == pytest.approx(0.97)

    right_sizer.stop()  # without a word
    scene.api.delete(
        f"/apis/coordination.k8s.io/v1/namespaces/{scene.fleet.name}/leases/hydatis-right-sizer"
    )  # nobody waits for it
    assert set(scene.taints()) == {first}
    scene.say({first: 0.8})  # between the thresholds: whoever comes next leaves it as it is
    again = scene.start()

    def looks() -> float:
        return sum(total_by(scrape(again.metrics_url), "hydatis_relief_node_forecast_ratio", "node").values())

    until(lambda: looks() > 0, "a look at the forecast", SECONDS)
    assert set(scene.taints()) == {first}
    scene.say({})
    scene.closed()
    (node,) = (one for one in scene.fleet.nodes() if one["metadata"]["name"] == first)
    assert [taint["key"] for taint in node["spec"]["taints"]] == [FOREIGN["key"]]
    until(lambda: "NodeUntainted" in scene.events(first), "an event", SECONDS)


def test_switched_off_or_told_to_end_it_takes_its_taints_along(scene: Scene) -> None:
    first, *_ = scene.fleet.add_nodes(4)
    scene.say({first: 0.97})
    right_sizer = scene.start()
    scene.closed(first)
    put_policy(scene.api, scene.fleet.name, PREFER | {"relief": {"mode": "off"}})
    scene.closed()
    put_policy(scene.api, scene.fleet.name, PREFER | {"relief": {"mode": "forbid"}})
    scene.closed(first)
    assert scene.taints()[first] == "NoSchedule"
    put_policy(scene.api, scene.fleet.name, PREFER)
    until(lambda: scene.taints().get(first) == "PreferNoSchedule", "the other effect", SECONDS)
    os.kill(right_sizer.pid, signal.SIGTERM)
    scene.closed()


def test_where_all_are_hot_none_is_closed_and_reports_change_nothing(scene: Scene) -> None:
    first, *_ = scene.fleet.add_nodes(4)
    scene.say({}, rest=0.97)
    right_sizer = scene.start()

    def count(name: str, label: str) -> dict[str, float]:
        return total_by(scrape(right_sizer.metrics_url), name, label)

    until(lambda: sum(count("hydatis_relief_held_back_nodes_count", "").values()) == 4, "hot nodes that are held back", SECONDS)
    assert scene.taints() == {}
    put_policy(scene.api, scene.fleet.name, PREFER | {"relief": {"mode": "report"}})
    scene.say({first: 0.97})
    until(lambda: count("hydatis_relief_actions_total", "result").get("reported"), "a report", SECONDS)
    assert scene.taints() == {}


def test_the_descheduler_moves_one_pod_off_a_hot_node_past_no_budget_and_then_all_is_quiet(
    scene: Scene, start_scheduler: StartScheduler, prometheus_path: str
) -> None:
    start_scheduler(stock())
    (hot,) = scene.fleet.add_nodes(1, cpu="8")
    loads = deploy(scene, {"guarded": 2, "free": 3})
    until(lambda: scene.fleet.per_node()[hot] == 5, "five pods on one node", SECONDS)
    budget = {"metadata": {"name": "guarded"}, "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "guarded"}}}}
    scene.api.create(f"/apis/policy/v1/namespaces/{scene.fleet.name}/poddisruptionbudgets", budget)
    scene.fleet.add_nodes(3, cpu="8")
    guarded = pods_of(scene, "guarded")
    # Every pod brings a fifth of a node: five are hot, four are neither, three and fewer are cool.
    stop_following = follow(scene, lambda name: 0.19 * scene.fleet.per_node()[name])
    scene.started.append(Removal(stop_following))
    right_sizer = scene.start()
    scene.closed(hot)
    prometheus = ScrapingPrometheus(prometheus_path, scene.folder / "prometheus", right_sizer.metrics_url)
    scene.started.append(prometheus)
    # rounds as far apart as it takes a forecast to hear of a move, as the 75 minutes in life are
    descheduler = Descheduler(scene.plane.kubeconfig("admin"), scene.folder / "descheduler", prometheus.url, 4)
    scene.started.append(descheduler)
    until(lambda: scene.fleet.per_node()[hot] == 4 and scene.fleet.per_node().total() == 5, "a pod that went elsewhere", SECONDS)
    uids = {uid for app in loads for uid in pods_of(scene, app)}
    assert pods_of(scene, "guarded") == guarded, "its budget allows nothing"
    done = descheduler.rounds()
    until(lambda: descheduler.rounds() >= done + 3, "three rounds more", SECONDS)
    assert {uid for app in loads for uid in pods_of(scene, app)} == uids, "scheduler and descheduler are content"
    assert set(scene.taints()) == {hot}, "neither hot nor cool: as it was"
    stop_following()
    scene.say({})
    scene.closed()


def deploy(scene: Scene, replicas: dict[str, int]) -> list[str]:
    """Deployments of pods of one core."""
    path = f"/apis/apps/v1/namespaces/{scene.fleet.name}/deployments"
    for name, count in replicas.items():
        template = pod("template", scheduler=DEFAULT_NAME, cpu="1", memory="1Gi", labels={"app": name})
        template["metadata"].pop("name")
        spec = {"replicas": count, "selector": {"matchLabels": {"app": name}}, "template": template}
        scene.api.create(path, {"metadata": {"name": name}, "spec": spec})
        scene.started.insert(0, Removal(lambda name=name: scene.api.delete(f"{path}/{name}")))  # type: ignore[misc]
    return list(replicas)


@dataclass
class Removal:
    """Something that a test must take away before its pods."""

    stop: Callable[[], object]


def pods_of(scene: Scene, app: str) -> set[str]:
    """UIDs of a Deployment's pods."""
    found: list[JsonObject] = scene.api.items(scene.fleet.pods_path, labelSelector=f"app={app}")
    return {str(one["metadata"]["uid"]) for one in found if "deletionTimestamp" not in one["metadata"]}


def follow(scene: Scene, ratio: Callable[[str], float]) -> Callable[[], None]:
    """Forecasts follow what is on the nodes, until what is returned is called."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(0.2):
            scene.forecasts.say({name: ratio(name) for name in scene.fleet.node_names})

    thread = threading.Thread(target=run, name="follow", daemon=True)
    thread.start()

    def stop() -> None:
        stopping.set()
        thread.join()

    return stop
