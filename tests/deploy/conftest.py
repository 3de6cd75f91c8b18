"""A real API server with the types of KServe, Istio, the Prometheus operator and cert-manager, for what the chart renders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chart.go_modules import crds
from chart.kubectl import RESTRICTED, Kubectl
from chart.rendered import NAMESPACE
from control_plane.api import Api
from control_plane.binaries import Binaries
from control_plane.plane import ControlPlane
from control_plane.waiting import until


@pytest.fixture(scope="session")
def chart_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of the chart's tests alone: what they install changes a cluster."""
    running = ControlPlane(tmp_path_factory.mktemp("plane"), Binaries.chosen())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def kubectl(chart_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """kubectl of an administrator."""
    return Kubectl(chart_plane.kubeconfig("admin"), tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="session")
def admin(chart_plane: ControlPlane, kubectl: Kubectl) -> Iterator[Api]:
    """An administrator, in a cluster that has the namespaces and the types that the chart needs."""
    client = Api(chart_plane.kubeconfig("admin"))
    client.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
    privileged = dict.fromkeys(RESTRICTED, "privileged")
    client.create("/api/v1/namespaces", {"metadata": {"name": "hydatis-logging", "labels": privileged}})
    foreign = crds()
    done = kubectl("apply", "--server-side", objects=foreign)
    assert done.returncode == 0, done.stderr
    for crd in foreign:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd['metadata']['name']}"
        until(lambda path=path: _established(client, path), f"type {crd['metadata']['name']}")
    for level in (NAMESPACE, "hydatis-logging"):
        account = f"/api/v1/namespaces/{level}/serviceaccounts/default"
        until(lambda account=account: client.status_of("GET", account) == 200, "the default service account")
    yield client
    client.close()


def _established(client: Api, path: str) -> bool:
    conditions = client.get(path)["status"].get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


@pytest.fixture(scope="session")
def known_as(chart_plane: ControlPlane, admin: Api, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Kubeconfig with a token of a service account of the release."""
    folder = tmp_path_factory.mktemp("tokens")

    def kubeconfig(account: str) -> Path:
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
        made = admin.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
        return chart_plane.kubeconfig_for(folder / f"{account}.kubeconfig", made["status"]["token"])

    return kubeconfig
