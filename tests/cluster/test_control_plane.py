"""The control plane is a real one: it knows who calls, refuses what a cluster refuses, and its nodes take what fits."""

from __future__ import annotations

from pathlib import Path

import httpx
from control_plane.api import Api, JsonObject
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet, until
from control_plane.kubelets import Kubelets
from control_plane.manifests import pod
from control_plane.plane import ControlPlane
from control_plane.scheduler import StartScheduler, stock

NOBODY = "nobody-schedules-this"


def test_the_control_plane_is_of_the_pinned_release(own_plane: ControlPlane, api: Api) -> None:
    print(f"control plane ready after {own_plane.start_seconds:.1f} s")  # noqa: T201 - a figure of the run
    assert api.get("/version")["gitVersion"] == Binaries.chosen().version


def test_a_pod_that_podsecurity_does_not_allow_is_refused(api: Api, fleet: Fleet) -> None:
    loose = pod("loose", scheduler=NOBODY)
    del loose["spec"]["securityContext"]
    assert api.status_of("POST", fleet.pods_path, loose) == httpx.codes.FORBIDDEN
    assert api.status_of("POST", fleet.pods_path, pod("tight", scheduler=NOBODY)) == httpx.codes.CREATED


def limited(name: str, cpu: str) -> JsonObject:
    made = pod(name, scheduler=NOBODY, cpu=cpu)
    made["spec"]["containers"][0]["resources"]["limits"] = {"cpu": cpu}
    return made


def test_quotas_and_limit_ranges_are_admission_too(api: Api, fleet: Fleet) -> None:
    space = f"/api/v1/namespaces/{fleet.name}"
    limits = [{"type": "Container", "max": {"cpu": "2"}}]
    api.create(f"{space}/limitranges", {"metadata": {"name": "small"}, "spec": {"limits": limits}})
    dry = f"{fleet.pods_path}?dryRun=All"
    until(lambda: api.status_of("POST", dry, limited("big", "3")) == httpx.codes.FORBIDDEN, "a limit range that holds")
    api.create(f"{space}/resourcequotas", {"metadata": {"name": "one"}, "spec": {"hard": {"pods": "1"}}})
    until(lambda: api.get(f"{space}/resourcequotas/one").get("status", {}).get("used"), "a quota that is counted")
    assert api.status_of("POST", fleet.pods_path, limited("first", "1")) == httpx.codes.CREATED
    assert api.status_of("POST", fleet.pods_path, limited("second", "1")) == httpx.codes.FORBIDDEN


def test_a_service_account_may_what_its_roles_say_and_no_more(
    own_plane: ControlPlane, api: Api, fleet: Fleet, tmp_path: Path
) -> None:
    token = api.create(f"/api/v1/namespaces/{fleet.name}/serviceaccounts/default/token", {"spec": {}})["status"]["token"]
    account = Api(own_plane.kubeconfig_for(tmp_path / "account", token))
    assert account.status_of("GET", fleet.pods_path) == httpx.codes.FORBIDDEN
    space = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{fleet.name}"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    api.create(f"{space}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    api.create(
        f"{space}/rolebindings",
        {
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": fleet.name}],
        },
    )
    until(lambda: account.status_of("GET", fleet.pods_path) == httpx.codes.OK, "a role that holds")
    assert account.status_of("POST", fleet.pods_path, pod("mine", scheduler=NOBODY)) == httpx.codes.FORBIDDEN
    account.close()


def test_the_stock_scheduler_binds_pods_and_they_run(fleet: Fleet, start_scheduler: StartScheduler) -> None:
    fleet.add_nodes(3)
    start_scheduler(stock(fleet.name))
    names = fleet.add_pods([f"p{i}" for i in range(12)], scheduler=fleet.name)
    fleet.running(names)
    assert min(fleet.per_node()[node] for node in fleet.node_names) >= 2  # equal nodes share about alike


def test_a_kubelet_refuses_what_no_longer_fits(api: Api, fleet: Fleet, kubelets: Kubelets) -> None:
    (node,) = fleet.add_nodes(1, cpu="1")
    fleet.add_pods(["first", "second"], scheduler=NOBODY, cpu="600m")
    for name in ("first", "second"):  # bound by hand: no scheduler would
        api.create(f"{fleet.pods_path}/{name}/binding", {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}})
    until(lambda: {found["status"]["phase"] for found in fleet.pods().values()} == {"Running", "Failed"}, "one of the two")
    (refused,) = [found for found in fleet.pods().values() if found["status"]["phase"] == "Failed"]
    assert refused["status"]["reason"] == "OutOfcpu"
    assert (refused["metadata"]["uid"], "OutOfcpu") in kubelets.refused
