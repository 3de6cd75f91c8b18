"""Running pods are resized in place on the real API server: slowly, within the node's cap, and back again on trouble.

A real Deployment makes the pods, the tests' kubelets grant resizes or refuse them, the real right-sizer runs as a process and is
killed where it hurts. What a kubelet alone would know, a kill for memory, is written into the pod's status.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from control_plane.api import STRATEGIC_PATCH, Api, JsonObject
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.manifests import pod
from control_plane.plane import ControlPlane
from control_plane.right_sizer import RightSizer, ensure_type, put_policy
from control_plane.waiting import until
from hydatis_cli.exposition import scrape, total_by
from hydatis_cli.main import app
from hydatis_core.quantities import parse_quantity
from hydatis_right_sizer.lease import Candidate
from hydatis_right_sizer.resize_record import RESIZE_ANNOTATION
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION, has_resize
from hydatis_serving.kube.size_recommendations import API_VERSION, KIND, object_path
from typer.testing import CliRunner

#: Two of six pods at a time, watched for a second; the whole cluster may be taken from.
RESIZE = {"enabled": True, "share_ratio": 0.34, "observation_seconds": 1.0, "quarantine_seconds": 3600.0}
POLICY = {"mode": "apply", "taken_ratio": 1.0, "resize": RESIZE}
SECONDS = 30.0


@dataclass
class Scene:
    """A namespace that asked for it, with a node and workloads on it."""

    api: Api
    fleet: Fleet
    plane: ControlPlane
    folder: Path
    node: str
    workloads: list[str] = field(default_factory=list)
    started: list[RightSizer] = field(default_factory=list)

    def deploy(self, name: str, replicas: int) -> None:
        """Makes a Deployment of pods of one core and 2 GiB on the node."""
        template = pod("template", scheduler="nobody", cpu="1", memory="2Gi", labels={"app": name}, nodeName=self.node)
        template["metadata"].pop("name")
        template["spec"].pop("nodeSelector")
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
        self.api.create(self._deployments, {"metadata": {"name": name}, "spec": spec})
        self.workloads.append(name)
        until(lambda: len([one for one in self.pods(name) if one["status"].get("phase") == "Running"]) == replicas, "pods that run")

    def advise(self, name: str, cpu: str = "600m", memory: str = "2Gi") -> None:
        """Makes a recommendation for a Deployment."""
        spec = {
            "targetRef": {"kind": "Deployment", "name": name},
            "madeAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "historyDays": 21.0,
            "podsCount": 6,
            "containers": [{"name": "main", "requests": {"cpu": cpu, "memory": memory}}],
        }
        advice = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": f"deployment-{name}"}, "spec": spec}
        self.api.create(object_path(self.fleet.name), advice)

    def start(self, policy: dict[str, Any]) -> RightSizer:
        """Starts a right-sizer under a policy; an empty one: under that which is there."""
        if policy:
            put_policy(self.api, self.fleet.name, policy)
        folder = self.folder / f"right-sizer-{len(self.started)}"
        self.started.append(RightSizer(self.plane.kubeconfig("admin"), folder, self.fleet.name))
        return self.started[-1]

    def pods(self, name: str) -> list[JsonObject]:
        """Pods of a Deployment."""
        return self.api.items(self.fleet.pods_path, labelSelector=f"app={name}")

    def cpu(self, name: str) -> list[str]:
        """What they ask for, sorted."""
        return sorted(cpu_of(one) for one in self.pods(name))

    def advice(self, name: str) -> JsonObject:
        """The recommendation, as it is."""
        return self.api.get(object_path(self.fleet.name, f"Deployment/{name}"))

    def advertised(self) -> int:
        """Milli-cores that may be reclaimed of the node yet."""
        there = self.api.get(f"/api/v1/nodes/{self.node}")["status"]["allocatable"]
        return int(parse_quantity(there["hydatis.io/reclaimed-cpu"]))

    def events(self) -> set[str]:
        """Reasons of events in the namespace."""
        return {one["reason"] for one in self.api.items(f"/api/v1/namespaces/{self.fleet.name}/events")}

    def remove(self) -> None:
        """Ends what was started."""
        for one in self.started:
            one.stop()
        self.api.delete(object_path(self.fleet.name))  # what was taken by its advice would count for the next test
        for name in self.workloads:
            self.api.delete(f"{self._deployments}/{name}")
            until(lambda: self.api.status_of("GET", f"{self._deployments}/{name}") == 404, "the Deployment is gone")  # noqa: B023

    @property
    def _deployments(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.fleet.name}/deployments"


@pytest.fixture
def scene(own_plane: ControlPlane, api: Api, fleet: Fleet, kubelets: Kubelets, tmp_path: Path) -> Iterator[Scene]:
    """A namespace that asked for it."""
    ensure_type(api)
    api.patch(f"/api/v1/namespaces/{fleet.name}", {"metadata": {"labels": {"hydatis.io/right-size": "apply"}}})
    until(lambda: not api.items(object_path("")), "no other test's advice")
    (node,) = fleet.add_nodes(1)
    made = Scene(api, fleet, own_plane, tmp_path, node)
    yield made
    made.remove()


def cpu_of(found: JsonObject) -> str:
    return str(found["spec"]["containers"][0]["resources"]["requests"]["cpu"])


def is_sized(found: JsonObject) -> bool:
    return cpu_of(found) == "600m"


def test_a_share_at_a_time_with_room_made_first_and_a_leader_killed_on_the_way(scene: Scene) -> None:
    scene.deploy("web", 6)
    scene.advise("web")
    first = scene.start(POLICY)
    scene.start(POLICY)
    until(lambda: any(map(is_sized, scene.pods("web"))), "the first wave", SECONDS)
    first.stop()
    waves: dict[str, list[str]] = {}
    deadline = time.monotonic() + SECONDS
    while not all(map(is_sized, pods := scene.pods("web"))):
        assert time.monotonic() < deadline, scene.cpu("web")
        sized = sum(map(is_sized, pods))
        assert scene.advertised() <= 32_000 - 400 * sized, "a node advertises less before its pods give up more"
    for one in scene.pods("web"):
        notes = one["metadata"]["annotations"]
        assert json.loads(notes[ORIGINAL_ANNOTATION]) == {"main": {"cpu": "1", "memory": "2Gi"}}
        waves.setdefault(json.loads(notes[RESIZE_ANNOTATION])["at"], []).append(one["metadata"]["name"])
        assert (one["status"]["qosClass"], one["metadata"]["labels"]["hydatis.io/right-sized"]) == ("Burstable", "true")
    assert all(len(wave) <= 2 for wave in waves.values()), waves
    until(lambda: scene.advertised() == 32_000 - 6 * 400, "the node advertises what is left")
    assert "PodResized" in scene.events()


def killed(api: Api, found: JsonObject) -> None:
    """What kubelet says of a container that the kernel killed."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": now, "finishedAt": now}}
    container = {"name": "main", "image": "i", "imageID": "i", "ready": True, "restartCount": 1, "lastState": ended}
    container["state"] = {"waiting": {}}
    path = f"/api/v1/namespaces/{found['metadata']['namespace']}/pods/{found['metadata']['name']}/status"
    api.patch(path, {"status": {"containerStatuses": [container]}}, STRATEGIC_PATCH)


def test_a_kill_sends_the_whole_workload_back_and_to_rest_across_a_restart(scene: Scene) -> None:
    scene.deploy("web", 6)
    scene.advise("web")
    policy = POLICY | {"resize": RESIZE | {"observation_seconds": 3600.0}}
    running = scene.start(policy)
    until(lambda: sum(map(is_sized, scene.pods("web"))) == 2, "the first wave", SECONDS)
    killed(scene.api, next(filter(is_sized, scene.pods("web"))))
    until(lambda: "quarantinedUntil" in scene.advice("web").get("status", {}), "the quarantine", SECONDS)
    running.stop()
    scene.start(policy)
    until(lambda: scene.cpu("web") == ["1"] * 6, "all of them go back", SECONDS)
    (condition,) = scene.advice("web")["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("Quarantined", "OomKilled")
    assert "was killed at" in condition["message"]
    until(lambda: scene.advertised() == 32_000, "the node advertises all again")
    assert "PodRestored" in scene.events()


def test_a_node_that_never_resizes_is_trouble_and_its_pods_ask_for_what_they_have(scene: Scene, kubelets: Kubelets) -> None:
    kubelets.never_resize.add(scene.node)
    scene.deploy("web", 3)
    scene.advise("web")
    scene.start(POLICY)
    until(lambda: "quarantinedUntil" in scene.advice("web").get("status", {}), "the quarantine", SECONDS)
    assert scene.advice("web")["status"]["conditions"][0]["reason"] == "Infeasible"
    until(lambda: scene.cpu("web") == ["1"] * 3, "the one that was asked goes back", SECONDS)


def test_a_recommender_that_halves_everything_is_stopped_by_the_hours_share(scene: Scene) -> None:
    """Twenty cores are requested here; a twentieth of what the cluster requests may be taken."""
    for index in range(5):
        scene.deploy(f"web{index}", 4)
        scene.advise(f"web{index}", "100m", "300Mi")
    running = scene.start({"mode": "apply", "taken_ratio": 0.05, "resize": RESIZE | {"share_ratio": 1.0}})

    def held() -> float:
        samples = scrape(running.metrics_url)
        names = ("hydatis_resizes_held_count", "hydatis_held_levels_count")
        return sum(total_by(samples, name, "cause").get("blast-radius", 0.0) for name in names)

    def total() -> float:
        return sum(milli(one) for index in range(5) for one in scene.pods(f"web{index}"))

    until(lambda: total() < 20_000 and held(), "something is taken, and the rest waits", SECONDS)
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        assert total() >= 19_000
    assert held()


def test_everybody_dies_and_one_command_puts_all_back_for_good(scene: Scene) -> None:
    scene.deploy("web", 4)
    scene.advise("web")
    running = scene.start(POLICY | {"resize": RESIZE | {"share_ratio": 1.0}})
    until(lambda: all(map(is_sized, scene.pods("web"))), "all are resized", SECONDS)
    running.stop()
    shims = {"metadata": {"name": "hydatis-policy"}, "data": {"policy.yaml": "mode: on"}}
    scene.api.create(f"/api/v1/namespaces/{scene.fleet.name}/configmaps", shims)
    admin = str(scene.plane.kubeconfig("admin"))
    done = CliRunner().invoke(app, ["off", "--kubeconfig", admin, "-n", scene.fleet.name, "--restore", "--json"])
    assert (done.exit_code, scene.cpu("web")) == (0, ["1"] * 4), done.output
    assert json.loads(done.stdout)["restored_count"] == 4
    scene.start({})
    until(lambda: total_by(scrape(scene.started[-1].metrics_url), "hydatis_leader", "") == {"": 1.0}, "it leads", SECONDS)
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        assert scene.cpu("web") == ["1"] * 4


def milli(found: JsonObject) -> float:
    cpu = cpu_of(found)
    return float(cpu[:-1]) if cpu.endswith("m") else 1000.0 * float(cpu)


def test_one_of_two_leads_and_the_other_when_that_is_gone(own_plane: ControlPlane, fleet: Fleet) -> None:
    apis = [KubernetesApi(str(own_plane.kubeconfig("admin"))) for _ in range(2)]
    assert has_resize(apis[0])
    clock: Callable[[], float] = time.monotonic
    first, second = (Candidate(api, fleet.name, "one", name, 3.0, clock) for api, name in zip(apis, "ab", strict=True))
    for one in (first, second, first, second):
        one.attempt()
    assert first.left_seconds > 0 > second.left_seconds

    def taken() -> bool:
        second.attempt()
        assert second.left_seconds < 0 or first.left_seconds < 0
        return second.left_seconds > 0

    until(taken, "the other leads")
    second.release()
    first.attempt()
    assert second.left_seconds < 0 < first.left_seconds
