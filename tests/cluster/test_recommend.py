"""From a real Prometheus and a real API server to advice that the cluster takes, in each form that people apply."""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.api import Api, JsonObject
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet
from control_plane.plane import ControlPlane
from control_plane.right_sizer import ensure_type, ensure_vertical_autoscalers
from control_plane.waiting import until
from hydatis_cli.main import app
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_serving.kube.size_recommendations import object_path, read_object
from typer.testing import CliRunner, Result

READER = Path(__file__).resolve().parents[2] / "deploy" / "rbac" / "cluster-reader.yaml"
DAYS, SCRAPE, GIB = 3, 120, 2**30
RBAC = "/apis/rbac.authorization.k8s.io/v1"
TYPES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#: Workload -> cores and GiB that each of its pods used, and why it is left alone.
WORKLOADS: dict[str, tuple[float, float, str]] = {
    "web": (0.2, 0.5, ""),
    "scaled": (0.2, 0.5, ""),  # on utilisation of CPU: its memory may be sized
    "vertical": (0.2, 0.5, "vertical-autoscaler"),
    "forbidden": (0.2, 0.5, "forbidden"),
    "guaranteed": (0.2, 0.5, "guaranteed"),
}


def deployment(name: str, node: str) -> JsonObject:
    """Two pods on a node, without waiting for a scheduler; one container, and a sidecar of web."""
    container: JsonObject = {
        "name": "app",
        "image": "app:1",
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if name == "guaranteed":
        container["resources"]["limits"] = container["resources"]["requests"]
    sidecar = container | {"name": "mesh", "restartPolicy": "Always"}
    setup = container | {"name": "setup"}
    annotations = {"hydatis.io/right-size": "off"} if name == "forbidden" else {}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations},
                "spec": {
                    "nodeName": node,
                    "containers": [container],
                    "initContainers": [setup, sidecar] if name == "web" else [],
                },
            },
        },
    }


@pytest.fixture
def shop(own_plane: ControlPlane, api: Api, fleet: Fleet) -> Iterator[Fleet]:
    """Workloads that run."""
    ensure_type(api)
    ensure_vertical_autoscalers(api)
    vpas = f"/apis/autoscaling.k8s.io/v1/namespaces/{fleet.name}/verticalpodautoscalers"
    (node,) = fleet.add_nodes(1)
    for name in WORKLOADS:
        api.create(f"/apis/apps/v1/namespaces/{fleet.name}/deployments", deployment(name, node))
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"}
    scaler = {"metadata": {"name": "scaled"}, "spec": {"scaleTargetRef": target, "maxReplicas": 9, "metrics": [metric]}}
    api.create(f"/apis/autoscaling/v2/namespaces/{fleet.name}/horizontalpodautoscalers", scaler)
    vertical = {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "vertical"},
        "spec": {"targetRef": target | {"name": "vertical"}},
    }
    api.create(vpas, vertical)
    until(lambda: len(fleet.pods()) == 2 * len(WORKLOADS), "all pods are there")
    yield fleet
    api.delete(f"/apis/apps/v1/namespaces/{fleet.name}/deployments")
    until(lambda: not api.items(f"/apis/apps/v1/namespaces/{fleet.name}/replicasets"), "no ReplicaSet makes pods any more")


@pytest.fixture
def reader(own_plane: ControlPlane, api: Api, shop: Fleet, tmp_path: Path) -> Path:
    """Kubeconfig of an account that may do what the shipped role says, and no more."""
    role, _ = yaml.safe_load_all(READER.read_text())
    name = f"reader-{shop.name}"
    api.create(f"{RBAC}/clusterroles", role | {"metadata": {"name": name}})
    subject = {"kind": "ServiceAccount", "namespace": shop.name, "name": "default"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    api.create(f"{RBAC}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})
    path = f"/api/v1/namespaces/{shop.name}/serviceaccounts/default/token"
    token = api.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    return own_plane.kubeconfig_for(tmp_path / "reader.kubeconfig", token["status"]["token"])


def samples(fleet: Fleet, end: int) -> Iterator[tuple[str, float, float]]:
    """What cAdvisor told of the pods for some days."""
    for name, pod in fleet.pods().items():
        cores, memory, _ = WORKLOADS[pod["metadata"]["labels"]["app"]]
        containers = ["app"] + [one["name"] for one in pod["spec"].get("initContainers", [])]
        for container in containers:
            labels = f'namespace="{fleet.name}",pod="{name}",container="{container}"'
            for number, at in enumerate(range(end - DAYS * 86_400 - 600, end + 600, SCRAPE)):
                yield f"container_cpu_usage_seconds_total{{{labels}}}", at, cores * number * SCRAPE
                yield f"container_memory_working_set_bytes{{{labels}}}", at, memory * GIB


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["recommend", *arguments])


def test_advice_reaches_the_cluster_in_every_form(
    shop: Fleet, api: Api, reader: Path, kubeconfig_of: Callable[[str], Path], past_prometheus: Callable[..., Any], tmp_path: Path
) -> None:
    prometheus = past_prometheus(samples(shop, int(time.time())))
    work, namespace, admin = tmp_path / "work", shop.name, str(kubeconfig_of("admin"))
    asked = ["--prometheus", prometheus.url, "--kubeconfig", str(reader), "--days", str(DAYS), "--work", str(work)]
    told = run(*asked, "--output", "json", "-n", namespace)
    assert told.exit_code == 0, told.output
    found = {one["workload"]: one for one in json.loads(told.stdout)["recommendations"]}
    assert {name: one["untouched"] for name, one in found.items()} == {
        f"Deployment/{name}": untouched for name, (_, _, untouched) in WORKLOADS.items()
    }, "init containers and sidecars are nobody's to size"
    web = found["Deployment/web"]
    assert (web["pods_count"], web["owned"]["cpu_cores"]) == (2, 2.0)
    assert 0.2 <= web["advised"]["cpu_cores"] < 0.5
    assert 0.5 * GIB < web["advised"]["memory_bytes"] < GIB
    assert found["Deployment/scaled"]["advised"]["cpu_cores"] is None, "a smaller request would scale it out"
    assert found["Deployment/scaled"]["advised"]["memory_bytes"] < GIB

    # the capture is there: nobody is asked again
    prometheus.stop()
    kept = ["--from", str(work / "capture"), "-n", namespace]
    refused = run(*kept, "--apply", "--kubeconfig", str(reader))
    assert isinstance(refused.exception, DependencyUnavailable)
    assert "403" in str(refused.exception)

    assert run(*kept, "--apply", "--kubeconfig", admin).exit_code == 0
    path = object_path(namespace, "Deployment/web")
    read = read_object(json.dumps(api.get(path)).encode())
    assert read.mode == "Apply"
    assert read.by_container["app"].requests.memory_bytes == math.ceil(web["advised"]["memory_bytes"] / 2**20) * 2**20
    api.patch(path, {"spec": {"mode": "Report"}})
    api.patch(path + "/status", {"status": {"quarantinedUntil": "2030-01-01T00:00:00Z"}})
    assert run(*kept, "--apply", "--kubeconfig", admin, "--choice", "careful").exit_code == 0
    again = read_object(json.dumps(api.get(path)).encode())
    assert again.mode == "Report", "what somebody chose stays"
    assert again.quarantined_until_seconds > 0
    assert again.by_container["app"].requests.memory_bytes > 1.2 * read.by_container["app"].requests.memory_bytes
    assert read_object(json.dumps(api.get(object_path(namespace, "Deployment/vertical"))).encode()).containers[0].untouched

    kubectl = Binaries.chosen().path("kubectl")
    environment = {**os.environ, "KUBECONFIG": admin, "PATH": f"{kubectl.parent}:{os.environ['PATH']}"}
    run(*kept, "--output", "objects", "--mode", "Report", "--to", str(tmp_path / "objects"))
    command = [kubectl, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-R", "-f"]
    subprocess.run([*command, tmp_path / "objects"], env=environment, check=True)

    component = tmp_path / "base" / "sizes"
    run(*kept, "--output", "kustomize", "--to", str(tmp_path / "base" / "all"))
    (tmp_path / "base" / "all" / namespace).rename(component)
    base: JsonObject = {"apiVersion": "apps/v1", "kind": "Deployment"} | deployment("web", "any")
    (tmp_path / "base" / "web.yaml").write_text(yaml.safe_dump(base))
    overlay = {"resources": ["web.yaml"], "components": ["sizes"], "namespace": namespace}
    (tmp_path / "base" / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    built = subprocess.run([kubectl, "kustomize", tmp_path / "base"], check=True, capture_output=True, text=True).stdout
    (container,) = yaml.safe_load(built)["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"].endswith("m")
    assert container["image"] == "app:1", "the rest is as it was"

    run(*kept, "--output", "patches", "--to", str(tmp_path / "patches"))
    subprocess.run([tmp_path / "patches" / "apply.sh"], env=environment, check=True)
    deployments = {one["metadata"]["name"]: one for one in api.items(f"/apis/apps/v1/namespaces/{namespace}/deployments")}
    requests = {name: _container(one)["resources"]["requests"] for name, one in deployments.items()}
    assert requests["web"] == container["resources"]["requests"]
    assert requests["scaled"]["cpu"] == "2"
    assert requests["scaled"]["memory"] == container["resources"]["requests"]["memory"]
    assert requests["forbidden"] == {"cpu": "2", "memory": "4Gi"}

    helm = run(*kept, "--output", "helm")
    values = dict(zip(("scaled", "web"), yaml.safe_load_all(helm.stdout), strict=True))
    assert values["web"]["resources"] == container["resources"]
    assert isinstance(run(*kept, "--to", str(tmp_path / "patches")).exception, InvalidValue)


def _container(deployment: JsonObject) -> JsonObject:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_a_cluster_without_the_type_says_how_to_install_it(
    own_plane: ControlPlane, api: Api, kubeconfig_of: Callable[[str], Path]
) -> None:
    ensure_type(api)
    api.delete(f"{TYPES}/sizerecommendations.hydatis.io")
    until(lambda: api.status_of("GET", object_path("")) == 404, "the type is gone")
    try:
        refused = run("--trace", "synthetic", "--days", "3", "--apply", "--kubeconfig", str(kubeconfig_of("admin")))
        assert isinstance(refused.exception, DependencyUnavailable)
        assert "kubectl apply --server-side -f deploy/helm/hydatis/crds/" in str(refused.exception)
    finally:
        ensure_type(api)
