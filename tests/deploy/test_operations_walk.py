"""The operator's walk, from install to uninstall, by the commands that the operations pages show; what they said is kept.

The control plane, kube-scheduler, helm, kubectl and hydatis are the real ones. No kubelet runs, so that the chart's pods stay
Pending; two shims run here as processes, with the settings, account, token and rights that the chart gives them, and the second
scheduler with its own. ``HYDATIS_TRANSCRIPT=FILE`` keeps the transcript.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.one_address import OneAddress
from chart.transcript import Transcript
from control_plane.api import Api
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet, until
from control_plane.kubelets import Kubelets
from control_plane.plane import ControlPlane
from control_plane.processes import Program, free_port
from control_plane.scheduler import Scheduler
from control_plane.told_stack import ToldStack
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.stack import Stack

NAMESPACE, OURS = "hydatis-system", "hydatis-scheduler"
RELEASE = f"hydatis deploy/helm/hydatis --namespace {NAMESPACE}"
DECISIONS = "grep -h ^hydatis_decisions_total"
EVERYTHING = (
    "kubectl get $(kubectl api-resources --verbs=list -o name | grep -vE '^(events|componentstatuses|endpoints)' | paste -sd,) "
    "--all-namespaces --selector app.kubernetes.io/part-of=hydatis --output name"
)


def get_json(port: int, path: str) -> Any:
    client = ExtenderClient(f"http://127.0.0.1:{port}")
    try:
        return client.get_json(path, timeout_seconds=5.0)
    finally:
        client.close()


class Shims:
    """Two shims as the chart would run them, at one address."""

    def __init__(self, stack: Stack, plane: ControlPlane, token: str, config_map: str, folder: Path) -> None:
        self._folder = folder
        for name, content in (("token", token), ("ca.crt", (plane.folder / "keys" / "ca.crt").read_text())):
            (folder / name).write_text(content)
        (folder / "policy.yaml").write_text("mode: shadow\n")
        told = next(process.environment for process in stack.processes() if process.name == "scheduler-plugin")
        own = {
            "LIVE": "false",
            "POLICY_FILE": folder / "policy.yaml",
            "POLICY_CONFIG_MAP": config_map,
            "SERVICE_ACCOUNT_DIR": folder,
        }
        host, _, port = plane.server.removeprefix("https://").partition(":")
        self._environment = told | {f"HYDATIS_SCHEDULER_PLUGIN_{name}": str(value) for name, value in own.items()}
        self._environment |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        self.ports = [free_port(), free_port()]
        self._running = {port: self._start(port) for port in self.ports}
        self.address = OneAddress(list(self.ports))

    def _start(self, port: int) -> Program:
        own = {"HTTP_PORT": str(port), "DECISIONS_DIR": str(self._folder / f"decisions-{port}")}
        told = self._environment | {f"HYDATIS_SCHEDULER_PLUGIN_{name}": value for name, value in own.items()}
        command = ["env", *(f"{name}={value}" for name, value in told.items()), sys.executable, "-m", "hydatis_scheduler_plugin"]
        return Program(command, self._folder / f"shim-{port}.log", f"http://127.0.0.1:{port}/readyz")

    def restart(self, port: int, drain_seconds: float) -> None:
        """Replaces one as a rolling update does: no new connections, a while to drain, SIGTERM, a successor that is ready."""
        self.address.ready.remove(port)
        time.sleep(drain_seconds)
        os.kill(self._running[port].pid, signal.SIGTERM)
        os.waitpid(self._running[port].pid, 0)
        self._running[port] = self._start(port)
        self.wait_for_full(port)
        self.address.ready.append(port)

    def wait_for_full(self, *ports: int) -> None:
        """Until these stand on the full rung."""
        until(lambda: all(get_json(port, "/readyz")["rung"] == "full" for port in ports or self.ports), "the full rung")

    def record(self, uid: str) -> dict[str, Any] | None:
        """The newest record of a pod, whoever of the two decided it."""
        for port in self.ports:
            if found := get_json(port, f"/decisions?pod={uid}&limit=1")["decisions"]:
                return dict(found[0])
        return None

    def stop(self) -> None:
        """Ends both."""
        self.address.stop()
        for program in self._running.values():
            program.stop()


@pytest.fixture
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    running = ControlPlane(tmp_path_factory.mktemp("plane"), Binaries())
    yield running
    running.stop()


def test_from_install_to_uninstall(plane: ControlPlane, stack: Stack, tmp_path: Path) -> None:
    walk = Transcript(tmp_path / "bin", plane.binaries.path("kubectl"), plane.kubeconfig("admin"))
    api = Api(plane.kubeconfig("admin"))
    kubelets = Kubelets(plane.kubeconfig("admin"))
    running: list[Any] = []
    try:
        _install(walk)
        shims, scheduler, fleet = _beside(plane, stack, api, tmp_path, running)
        told = _day_0(walk, shims, fleet, stack, api, running)
        told.use({name: 0.1 + 0.2 * row for row, name in enumerate(fleet.node_names)})
        shims.wait_for_full()
        asking = "".join(f" --shim http://127.0.0.1:{port}" for port in shims.ports)
        _shadow(walk, shims, fleet, asking)
        _enable_and_ramp(walk, shims, fleet, asking)
        _switch(walk, shims, fleet, asking)
        _restart(walk, shims, fleet)
        _upgrade(walk, asking)
        scheduler.stop()
        _uninstall(walk)
    finally:
        for each in reversed(running):
            (each.close if isinstance(each, ToldStack) else each.stop)()
        kubelets.stop()
        if kept := os.environ.get("HYDATIS_TRANSCRIPT"):
            Path(kept).write_text(walk.text)


def _install(walk: Transcript) -> None:
    walk.step("Install")
    walk.run(f"helm install {RELEASE} --create-namespace")
    walk.run(f"kubectl label namespace {NAMESPACE} pod-security.kubernetes.io/enforce=restricted")
    walk.run(f"kubectl --namespace {NAMESPACE} get deployments,poddisruptionbudgets --output name")


def _beside(plane: ControlPlane, stack: Stack, api: Api, folder: Path, running: list[Any]) -> tuple[Shims, Scheduler, Fleet]:
    """What no kubelet starts here: two shims and the second scheduler, as the chart has them; and somebody's nodes."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    token = {name: api.create(f"{accounts}/{name}/token", asked)["status"]["token"] for name in ("scheduler-plugin", OURS)}
    shims = Shims(stack, plane, token["scheduler-plugin"], f"{NAMESPACE}/hydatis-policy", folder)
    running.append(shims)
    config = api.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/hydatis-scheduler-config")["data"]["config.yaml"]
    configuration = yaml.safe_load(config)
    (extender,) = configuration["extenders"]
    extender |= {"urlPrefix": shims.address.url, "httpTimeout": "10s"}
    kubeconfig = plane.kubeconfig_for(folder / "scheduler.kubeconfig", token[OURS])
    scheduler = Scheduler(plane.binaries.path("kube-scheduler"), kubeconfig, configuration, folder / "scheduler", alone=False)
    running.append(scheduler)
    fleet = Fleet(api, "shop")
    fleet.add_nodes(4)
    return shims, scheduler, fleet


def _day_0(walk: Transcript, shims: Shims, fleet: Fleet, stack: Stack, api: Api, running: list[Any]) -> ToldStack:
    walk.step("Day 0: what each rung waits for")
    (first, _) = shims.ports
    show = f"curl -s http://127.0.0.1:{first}/readyz | python3 -c " + repr(
        "import json,sys; told = json.load(sys.stdin); print({key: told[key] for key in ('rung', 'reason', 'missing')})"
    ).replace("\\'", "'")
    walk.note("before feature-service has made a table")
    walk.run(show)
    assert get_json(first, "/readyz")["rung"] == "abstain"
    fleet.add_pod("first", scheduler=OURS)
    walk.run(f"curl -s http://127.0.0.1:{first}/metrics | {DECISIONS}")
    told = ToldStack(stack, api, fleet.nodes())
    running.append(told)
    told.use({}, ticks=1)
    walk.note("after the first tick with measurements")
    until(lambda: get_json(first, "/readyz")["rung"] != "abstain", "a rung")
    walk.run(show)
    return told


def _shadow(walk: Transcript, shims: Shims, fleet: Fleet, asking: str) -> None:
    walk.step("Shadow: what would have been chosen")
    assert "shadow" in walk.run(f"hydatis policy --cluster{asking}")
    for index in range(3):
        fleet.add_pod(f"web-{index}", scheduler=OURS, labels={"app": "web"})
    walk.run(f"kubectl --namespace {fleet.name} get pods --output custom-columns=POD:.metadata.name,NODE:.spec.nodeName")
    explained = walk.run(f"hydatis explain {fleet.name}/web-2 --extender http://127.0.0.1:{shims.ports[0]}")
    assert "Shadow: recorded only" in explained
    walk.run(f"curl -s http://127.0.0.1:{shims.ports[0]}/metrics | {DECISIONS}")


def _enable_and_ramp(walk: Transcript, shims: Shims, fleet: Fleet, asking: str) -> None:
    walk.step("Enable one namespace, and ramp")
    for share, count in ((0, 4), (25, 40), (100, 10)):
        walk.run(f"hydatis on --cluster --include {fleet.name} --ramp {share}{asking}")
        names = fleet.add_pods([f"ramp-{share}-{index}" for index in range(count)], scheduler=OURS, cpu="50m", memory="64Mi")
        fleet.bound(names)
        uids = {name: pod["metadata"]["uid"] for name, pod in fleet.pods().items() if name in names}
        records = [shims.record(uid) for uid in uids.values()]
        ours = sum(record is not None and record["rung"] is not None for record in records)
        walk.note(f"{count} pods made: {ours} placed by us, {count - ours} by the stock profile")
        assert {0: ours == 0, 100: ours == count}.get(share, 0 < ours < count), share


def _switch(walk: Transcript, shims: Shims, fleet: Fleet, asking: str) -> None:
    walk.step("Off, and on")
    for mode, rung in (("off", None), ("on", "full")):
        walk.run(f"hydatis {mode} --cluster{asking}")
        fleet.add_pod(f"when-{mode}", scheduler=OURS)
        record = shims.record(fleet.pods()[f"when-{mode}"]["metadata"]["uid"])
        assert record is not None
        assert record["rung"] == rung
        walk.note(f"the next pod: rung {record['rung']}, reason {record['rung_reason'] or 'none'}")
    change = json.dumps({"data": {"policy.yaml": "mode: off"}})
    walk.run(f"kubectl --namespace {NAMESPACE} patch configmap hydatis-policy --type=merge --patch '{change}'")
    until(lambda: get_json(shims.ports[0], "/readyz")["policy"]["mode"] == "off", "off")
    walk.run(f"hydatis on --cluster --include {fleet.name}{asking}")


def _restart(walk: Transcript, shims: Shims, fleet: Fleet) -> None:
    walk.step("Replace every shim while pods come")
    names = [f"during-{index:02d}" for index in range(60)]

    def come() -> None:
        for name in names:
            fleet.add_pods([name], scheduler=OURS, cpu="50m", memory="64Mi")
            time.sleep(0.25)

    coming = threading.Thread(target=come)
    coming.start()
    for port in shims.ports:
        shims.restart(port, drain_seconds=3.0)
    coming.join()
    fleet.bound(names)
    pods = fleet.pods()
    records = [shims.record(pods[name]["metadata"]["uid"]) for name in names]
    rungs = [record["rung"] for record in records if record is not None]
    walk.note(
        f"{len(names)} pods made meanwhile, all bound; {len(rungs)} with a record, {rungs.count('full')} of them at the full rung"
    )
    assert len(rungs) == len(names)


def _upgrade(walk: Transcript, asking: str) -> None:
    walk.step("Upgrade")
    walk.run(f"helm upgrade {RELEASE} --reuse-values --set images.tag=0.1.1 | head -5")
    assert "shadow" in walk.run(f"hydatis policy --cluster{asking}"), "an upgrade says what the values say"
    walk.run(f"helm upgrade {RELEASE} --reuse-values --set policy.mode=on --set 'policy.namespaces.include={{shop}}' | head -5")
    walk.run(f"hydatis policy --cluster{asking}")
    walk.run(f"helm rollback hydatis 1 --namespace {NAMESPACE}")


def _uninstall(walk: Transcript) -> None:
    walk.step("Uninstall")
    walk.run(f"helm uninstall hydatis --namespace {NAMESPACE} --wait")
    walk.run("kubectl delete crd sizerecommendations.hydatis.io")
    assert walk.run(EVERYTHING) == ""
    walk.run(f"kubectl --namespace {NAMESPACE} get leases,secrets,persistentvolumeclaims --output name")
    walk.run(f"kubectl delete namespace {NAMESPACE}")
    assert walk.run(f"kubectl get clusterroles,clusterrolebindings --output name | grep {NAMESPACE}", fails=True) == ""
