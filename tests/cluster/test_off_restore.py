"""`hydatis off --restore` on the real API server: every sized pod goes back that can, every other one is named with its reason.

The pods are as a webhook or a resizer left them, and no service of ours runs: what stands on the pods must be enough.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.api import Api, JsonObject
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.manifests import pod
from control_plane.plane import ControlPlane
from control_plane.right_sizer import POLICY, put_policy
from hydatis_cli.main import app
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from typer.testing import CliRunner

RIGHTS = Path(__file__).resolve().parents[2] / "deploy" / "rbac" / "restorer.yaml"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ORIGINAL = json.dumps({"main": {"cpu": "1", "memory": "2Gi"}})
SHIMS = {"metadata": {"name": "hydatis-policy"}, "data": {"policy.yaml": "mode: on\n"}}


@dataclass(frozen=True)
class Scene:
    """A release's namespace that has sized pods, too."""

    api: Api
    fleet: Fleet
    kubeconfig: Path

    def sized(
        self, name: str, node: str, original: str | None = ORIGINAL, rules: list[JsonObject] | None = None, **amounts: str
    ) -> JsonObject:
        """A pod of a tenth of a core on a node, that asked for a whole one."""
        made = pod(
            name, scheduler="nobody", labels={"hydatis.io/right-sized": "true"}, nodeName=node, **({"cpu": "100m"} | amounts)
        )
        if original is not None:
            made["metadata"]["annotations"] = {ORIGINAL_ANNOTATION: original}
        if rules is not None:
            made["spec"]["containers"][0]["resizePolicy"] = rules
        return made

    def create(self, *pods: JsonObject) -> None:
        """Makes pods; returns when they run."""
        self.api.create_all(self.fleet.pods_path, pods)
        self.fleet.running([one["metadata"]["name"] for one in pods])

    def off(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON of the command."""
        place = ["--kubeconfig", str(self.kubeconfig), "--kube-namespace", self.fleet.name]
        done = CliRunner().invoke(app, ["off", *place, "--restore", "--json", *options])
        return done.exit_code, json.loads(done.stdout)

    def requests(self) -> dict[str, str]:
        """CPU by pod."""
        return {
            name: found["spec"]["containers"][0]["resources"]["requests"]["cpu"]
            for name, found in sorted(self.fleet.pods().items())
        }

    def mode(self, name: str) -> str:
        """The mode that a ConfigMap's policy says."""
        text = self.api.get(f"/api/v1/namespaces/{self.fleet.name}/configmaps/{name}")["data"]["policy.yaml"]
        said = yaml.safe_load(text)["mode"]
        return "off" if said is False else str(said)


@pytest.fixture
def scene(own_plane: ControlPlane, api: Api, fleet: Fleet, kubelets: Kubelets) -> Iterator[Scene]:
    """Such a namespace."""
    api.create(f"/api/v1/namespaces/{fleet.name}/configmaps", SHIMS)
    put_policy(api, fleet.name, {"mode": "apply", "resize": {"enabled": True}})
    return Scene(api, fleet, own_plane.kubeconfig("admin"))


def test_one_command_switches_all_off_and_puts_back_what_can_be(scene: Scene, kubelets: Kubelets) -> None:
    wide, full, stubborn = scene.fleet.add_nodes(3, each=lambda index: {"cpu": ("32", "2", "32")[index]})
    kubelets.never_resize.add(stubborn)
    restart = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    scene.create(
        *(scene.sized(f"back-{index}", wide) for index in range(20)),
        scene.sized("as-it-was", wide, cpu="1", memory="2Gi"),
        scene.sized("no-original", wide, original=None),
        scene.sized("unreadable", wide, original="[]"),
        scene.sized("restart", wide, rules=restart),
        scene.sized("other-class", wide, original='{"main": {"cpu": "0", "memory": "0"}}'),
        scene.sized("infeasible", stubborn),
        scene.sized("deferred", full),
        pod("guest", scheduler="nobody", cpu="1500m", nodeName=full),
    )
    code, told = scene.off("--wait", "1")
    assert (code, told["sized_count"], told["resized_count"]) == (1, 27, 23)
    assert {one["pod"]: one["code"] for one in told["not_restored"]} == {
        "no-original": "no-original",
        "unreadable": "unreadable",
        "restart": "restart",
        "other-class": "refused",
        "infeasible": "infeasible",
        "deferred": "deferred",
    }
    assert "QOS" in next(one["detail"] for one in told["not_restored"] if one["pod"] == "other-class")
    assert {cpu for name, cpu in scene.requests().items() if name.startswith("back")} == {"1"}
    assert scene.requests()["restart"] == "100m"
    assert (scene.mode("hydatis-policy"), scene.mode(POLICY)) == ("off", "off")
    code, again = scene.off("--wait", "0")
    assert (code, again["resized_count"], again["not_restored"]) == (1, 0, told["not_restored"])


def test_it_waits_for_room_and_says_so_when_all_are_back(scene: Scene) -> None:
    (full,) = scene.fleet.add_nodes(1, cpu="2")
    scene.create(scene.sized("deferred", full), pod("guest", scheduler="nobody", cpu="1500m", nodeName=full))
    code, told = scene.off("--wait", "0")
    assert (code, [one["code"] for one in told["not_restored"]]) == (1, ["deferred"])
    scene.api.delete(f"{scene.fleet.pods_path}/guest", grace_seconds=0)
    code, told = scene.off("--wait", "20")
    assert (code, told["resized_count"], told["not_restored"]) == (0, 0, [])


def test_pods_go_back_though_nobody_placed_by_us_is_there_to_switch_off(scene: Scene) -> None:
    """The right-sizer alone may be installed; what is missing is said after the pods are back."""
    scene.api.delete(f"/api/v1/namespaces/{scene.fleet.name}/configmaps/hydatis-policy")
    scene.api.delete(f"/api/v1/namespaces/{scene.fleet.name}/configmaps/{POLICY}")
    (node,) = scene.fleet.add_nodes(1)
    scene.create(scene.sized("a", node), scene.sized("b", node))
    code, told = scene.off()
    assert (code, told["restored_count"], told["not_restored"]) == (1, 2, [])


def test_the_rights_that_are_shipped_are_enough_and_less_is_said(scene: Scene, own_plane: ControlPlane, tmp_path: Path) -> None:
    """Whoever may switch, and not resize, switches; that the pods are not back is the error then."""
    (node,) = scene.fleet.add_nodes(1)
    scene.create(scene.sized("a", node))
    name, home = scene.fleet.name, f"/api/v1/namespaces/{scene.fleet.name}/serviceaccounts"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    restorer, switch = yaml.safe_load_all(RIGHTS.read_text())
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": name}
    codes = []
    for role, collection in ((switch, f"namespaces/{name}/rolebindings"), (restorer, "clusterrolebindings")):
        made = role | {"metadata": {"name": f"{role['metadata']['name']}-{name}"}}
        scene.api.create(f"{RBAC}/clusterroles", made)
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": made["metadata"]["name"]}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        scene.api.create(f"{RBAC}/{collection}", binding)
        token = scene.api.create(f"{home}/default/token", asked)["status"]["token"]
        config = own_plane.kubeconfig_for(tmp_path / f"{role['metadata']['name']}.kubeconfig", token)
        place = ["--kubeconfig", str(config), "--kube-namespace", name]
        codes.append(CliRunner().invoke(app, ["off", *place, "--restore"]).exit_code)
        assert (scene.mode("hydatis-policy"), scene.mode(POLICY)) == ("off", "off")
    assert (codes, scene.requests()) == ([1, 0], {"a": "1"})


@pytest.mark.slow
def test_five_thousand_pods_are_back_within_two_minutes(scene: Scene) -> None:
    nodes = scene.fleet.add_nodes(50, cpu="128", memory="512Gi")
    names = [f"p{index:04d}" for index in range(5000)]
    scene.api.create_all(scene.fleet.pods_path, [scene.sized(name, nodes[index % 50]) for index, name in enumerate(names)])
    scene.fleet.running(names, 300.0)
    code, told = scene.off()
    print(f"5,000 pods: {told['seconds']} s")  # noqa: T201
    assert (code, told["restored_count"], told["resized_count"]) == (0, 5000, 5000)
    assert told["seconds"] <= 120.0
