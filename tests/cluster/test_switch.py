"""Off and on, in a cluster, within seconds: by `hydatis off`, or by kubectl alone; the real shim has the rights that are shipped.

Two nodes: one whose requests are many and whose use is small, one the other way round. kube-scheduler alone sees requests, so where
a pod goes says who placed it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.api import Api
from control_plane.fleet import Fleet, until
from control_plane.plane import ControlPlane
from control_plane.processes import Program, free_port
from control_plane.scheduler import OUR_NAME, SECOND, StartScheduler, shipped
from control_plane.told_stack import ToldStack
from hydatis_cli.exposition import differences, scrape, total_by
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.main import app
from hydatis_cli.stack import Stack
from typer.testing import CliRunner

NAMESPACE, POLICY = "hydatis-system", "mode: on\nramp_pct: 100\n"
MANIFESTS = Path(__file__).resolve().parents[2] / "deploy" / "manifests" / "hydatis.yaml"
COLLECTIONS = {
    "ServiceAccount": f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
    "Role": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles",
    "RoleBinding": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings",
    "ConfigMap": f"/api/v1/namespaces/{NAMESPACE}/configmaps",
}
#: How long the scheduler and the shim may take to be of one mind again.
SECONDS = 10.0


@dataclass(frozen=True)
class Switched:
    """A shim that watches its ConfigMap, and whoever may change that."""

    url: str
    plane: ControlPlane
    file: Path

    def hydatis(self, *arguments: str) -> str:
        """What a `hydatis` command says."""
        options = ["--kubeconfig", str(self.plane.kubeconfig("admin")), "--shim", self.url]
        done = CliRunner().invoke(app, [*arguments, *options])
        assert done.exit_code == 0, done.output
        return done.output

    def kubectl(self, *arguments: str) -> None:
        """Runs a kubectl command in the release's namespace."""
        kubectl = str(self.plane.binaries.path("kubectl"))
        config = f"--kubeconfig={self.plane.kubeconfig('admin')}"
        subprocess.run([kubectl, config, "-n", NAMESPACE, *arguments], capture_output=True, check=True)

    def report(self) -> dict[str, Any]:
        """The shim's /readyz."""
        client = ExtenderClient(self.url)
        try:
            return dict(client.get_json("/readyz", timeout_seconds=2.0))
        finally:
            client.close()


@pytest.fixture
def switched(stack: Stack, own_plane: ControlPlane, api: Api, tmp_path: Path) -> Iterator[Switched]:
    """A shim of its own beside the stack's, in the place of a pod: its account, its token, its policy file that never changes."""
    shipped_objects = {(made["kind"], made["metadata"]["name"]): made for made in yaml.safe_load_all(MANIFESTS.read_text()) if made}
    path = f"/api/v1/namespaces/{NAMESPACE}"
    if api.status_of("GET", path) == 404:
        api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    config_map = {"metadata": {"name": "hydatis-policy"}, "data": {"policy.yaml": POLICY}}
    for kind in ("ServiceAccount", "Role", "RoleBinding"):
        api.create(COLLECTIONS[kind], shipped_objects[kind, "scheduler-plugin"])
    api.create(COLLECTIONS["ConfigMap"], config_map)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.create(f"{path}/serviceaccounts/scheduler-plugin/token", asked)["status"]["token"]
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_bytes((own_plane.folder / "keys" / "ca.crt").read_bytes())
    file = tmp_path / "policy.yaml"
    file.write_text("mode: shadow\n")
    environment = next(process.environment for process in stack.processes() if process.name == "scheduler-plugin")
    port = free_port()
    prefix = "HYDATIS_SCHEDULER_PLUGIN_"
    own = {
        "HTTP_PORT": port,
        "POLICY_FILE": file,
        "POLICY_CONFIG_MAP": f"{NAMESPACE}/hydatis-policy",
        "SERVICE_ACCOUNT_DIR": tmp_path,
        "DECISIONS_DIR": tmp_path / "decisions",
    }
    host, _, api_port = own_plane.server.removeprefix("https://").partition(":")
    told = environment | {prefix + name: str(value) for name, value in own.items()}
    told |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": api_port}
    command = ["env", *(f"{name}={value}" for name, value in told.items()), sys.executable, "-m", "hydatis_scheduler_plugin"]
    url = f"http://127.0.0.1:{port}"
    shim = Program(command, tmp_path / "shim.log", f"{url}/readyz")
    yield Switched(url, own_plane, file)
    shim.stop()
    for kind, collection in COLLECTIONS.items():
        api.delete(f"{collection}/{'hydatis-policy' if kind == 'ConfigMap' else 'scheduler-plugin'}")


@pytest.fixture
def placed_by(
    switched: Switched, fleet: Fleet, told: Callable[[Fleet], ToldStack], start_scheduler: StartScheduler
) -> Callable[[str], str]:
    """Places a pod and says by whose advice: "us", or "requests"."""
    idle, busy = fleet.add_nodes(2, each=lambda row: {"labels": {"row": str(row)}})
    start_scheduler(shipped(SECOND, switched.url, patient=True))
    fleet.add_pod("asks", scheduler=OUR_NAME, cpu="24", memory="96Gi", selector={"row": "0"})
    told(fleet).use({idle: 0.02, busy: 0.75})
    until(lambda: switched.report()["rung"] == "full", "the full rung")
    return lambda name: {idle: "us", busy: "requests"}[fleet.add_pod(name, scheduler=OUR_NAME)]


def test_off_within_seconds_and_on_again_at_the_full_rung(switched: Switched, placed_by: Callable[[str], str]) -> None:
    assert switched.report()["policy"]["source"] == f"ConfigMap {NAMESPACE}/hydatis-policy", "the file says shadow"
    assert placed_by("before") == "us"
    for turn in range(3):
        begin = time.monotonic()
        switched.hydatis("off")
        assert placed_by(f"off-{turn}") == "requests"
        seconds = time.monotonic() - begin
        before = scrape(f"{switched.url}/metrics")
        switched.hydatis("on")
        assert placed_by(f"on-{turn}") == "us"
        rungs = total_by(differences(before, scrape(f"{switched.url}/metrics")), "hydatis_decisions_total", "rung")
        assert set(rungs) <= {"full", "full_local", "greedy"}, "a busy machine may be late"
        print(f"from `hydatis off` to a pod placed by requests: {seconds:.2f} s")  # noqa: T201


def test_kubectl_switches_too(switched: Switched, placed_by: Callable[[str], str]) -> None:
    assert placed_by("before") == "us"
    begin = time.monotonic()
    change = json.dumps({"data": {"policy.yaml": "mode: off"}})
    switched.kubectl("patch", "configmap", "hydatis-policy", "--type=merge", "-p", change)
    until(lambda: switched.report()["policy"]["mode"] == "off", "the shim obeys", SECONDS)
    print(f"from `kubectl patch` to the shim: {time.monotonic() - begin:.2f} s")  # noqa: T201
    assert placed_by("off") == "requests"


def test_shadow_and_ramp_and_namespaces_act_alike(switched: Switched, placed_by: Callable[[str], str], fleet: Fleet) -> None:
    for index, (arguments, by) in enumerate(
        (
            (("shadow",), "requests"),
            (("on", "--ramp", "0"), "requests"),
            (("on", "--ramp", "100", "--include", "another"), "requests"),
            (("on", "--include", fleet.name), "us"),
            (("on", "--pod-label", "hydatis.io/placed=true"), "requests"),
            (("on", "--pod-label", ""), "us"),
        )
    ):
        switched.hydatis(*arguments)
        assert placed_by(f"p{index}") == by, arguments


def test_what_cannot_be_asked_is_said_and_does_not_stop_the_switch(switched: Switched, api: Api) -> None:
    template = next(
        made["spec"]["template"]
        for made in yaml.safe_load_all(MANIFESTS.read_text())
        if made and made["kind"] == "Deployment" and made["metadata"]["name"] == "scheduler-plugin"
    )
    pod = {"metadata": {"name": "no-kubelet", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    pod["spec"] |= {"schedulerName": "nobody", "priorityClassName": ""}
    api.create(pods, pod)
    done = CliRunner().invoke(app, ["off", "--kubeconfig", str(switched.plane.kubeconfig("admin"))])
    api.delete(f"{pods}/no-kubelet", grace_seconds=0)
    assert (done.exit_code, "no-kubelet: not reached through the API server" in done.output) == (0, True), done.output
    until(lambda: switched.report()["policy"]["mode"] == "off", "the shim obeys", SECONDS)
