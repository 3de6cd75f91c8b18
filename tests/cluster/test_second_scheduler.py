"""A second scheduler on a cluster whose default one is somebody else's: its rights, and the race that both can lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from control_plane.api import Api, JsonObject
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.manifests import pod
from control_plane.plane import ControlPlane
from control_plane.scheduler import OUR_NAME, SECOND, SHIPPED, Scheduler, StartScheduler, shipped, stock
from control_plane.told_stack import ToldStack
from control_plane.waiting import until
from hydatis_cli.stack import Stack

Tell = Callable[[Fleet], ToldStack]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACE = "hydatis-system"
#: Where an object of a kind is made; {} is its namespace.
COLLECTIONS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "Role": RBAC + "/namespaces/{}/roles",
    "RoleBinding": RBAC + "/namespaces/{}/rolebindings",
}


def collection(manifest: JsonObject) -> str:
    return COLLECTIONS[manifest["kind"]].format(manifest["metadata"].get("namespace", ""))


@pytest.fixture
def account(own_plane: ControlPlane, api: Api, tmp_path: Path) -> Iterator[Path]:
    """Kubeconfig of the service account with exactly the rights that are shipped."""
    if api.status_of("GET", f"/api/v1/namespaces/{NAMESPACE}") == httpx.codes.NOT_FOUND:
        api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    manifests = list(yaml.safe_load_all((SHIPPED / "second-scheduler-rbac.yaml").read_text()))
    for manifest in manifests:
        api.create(collection(manifest), manifest)
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{OUR_NAME}/token"
    yield own_plane.kubeconfig_for(tmp_path / "account", api.create(path, {"spec": {}})["status"]["token"])
    for manifest in manifests:
        api.delete(f"{collection(manifest)}/{manifest['metadata']['name']}")


def test_its_service_account_may_all_that_it_does(account: Path, stack: Stack, fleet: Fleet, told: Tell, tmp_path: Path) -> None:
    best, _ = fleet.add_nodes(2)
    told(fleet).use({best: 0.02}, rest=0.7)
    configuration = shipped(SECOND, stack.extender_url, patient=True)
    scheduler = Scheduler(Binaries.chosen().path("kube-scheduler"), account, configuration, tmp_path / "second", alone=False)
    try:
        assert fleet.add_pod("first", scheduler=OUR_NAME) == best
        (lease,) = fleet.api.items(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases")
        assert lease["metadata"]["name"] == OUR_NAME
        assert "forbidden" not in scheduler.program.log.read_text()
    finally:
        scheduler.stop()
        fleet.api.delete(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{OUR_NAME}")


def replicas(fleet: Fleet, name: str, scheduler: str, how_many: int) -> None:
    """A ReplicaSet: what a kubelet refuses, its controller makes anew."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod("unused", scheduler=scheduler, cpu="900m")["spec"]}
    spec = {"replicas": how_many, "selector": {"matchLabels": labels}, "template": template}
    fleet.api.create(f"/apis/apps/v1/namespaces/{fleet.name}/replicasets", {"metadata": {"name": name}, "spec": spec})


def test_two_schedulers_race_and_every_replica_runs_in_the_end(
    stack: Stack, fleet: Fleet, kubelets: Kubelets, told: Tell, start_scheduler: StartScheduler
) -> None:
    fleet.add_nodes(4, cpu="8")
    told(fleet).use({})
    other = fleet.name  # the default scheduler's part, under a name that no cluster has
    refused_before = len(kubelets.refused)
    start_scheduler(stock(other))
    start_scheduler(shipped(SECOND, stack.extender_url, patient=True))
    replicas(fleet, "theirs", other, 16)
    replicas(fleet, "ours", OUR_NAME, 16)

    def running() -> int:
        return sum(found["status"]["phase"] == "Running" for found in fleet.pods().values())

    until(lambda: running() == 32, "every replica runs")
    assert all(count <= 8 for count in fleet_running(fleet).values())
    print(f"race of two schedulers: {len(kubelets.refused) - refused_before} of 32 pods refused and made anew")  # noqa: T201
    for name in ("theirs", "ours"):
        fleet.api.delete(f"/apis/apps/v1/namespaces/{fleet.name}/replicasets/{name}")


def fleet_running(fleet: Fleet) -> dict[str, int]:
    """Running pods by node."""
    found: dict[str, int] = {}
    for each in fleet.pods().values():
        if each["status"]["phase"] == "Running":
            found[each["spec"]["nodeName"]] = found.get(each["spec"]["nodeName"], 0) + 1
    return found
