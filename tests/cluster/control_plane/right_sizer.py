"""The right-sizer as a process beside the control plane, and what it needs there: the type of its advice, and its policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from control_plane.api import Api
from control_plane.processes import Program, free_port
from control_plane.waiting import until

__all__ = ["POLICY", "RightSizer", "ensure_type", "ensure_vertical_autoscalers", "put_policy"]

#: Name of the policy's ConfigMap, as the service's setting has it.
POLICY = "hydatis-right-sizer"
CRD = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "hydatis" / "crds" / "sizerecommendations.hydatis.io.yaml"
TYPES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OBJECTS = "/apis/hydatis.io/v1alpha1/sizerecommendations"
PREFIX = "HYDATIS_RIGHT_SIZER_"


def ensure_type(api: Api) -> None:
    """Makes SizeRecommendations known."""
    _ensure(api, yaml.safe_load(CRD.read_text()), OBJECTS)


def ensure_vertical_autoscalers(api: Api) -> None:
    """Makes VerticalPodAutoscalers known, as far as anybody here looks at them."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"plural": "verticalpodautoscalers", "singular": "verticalpodautoscaler", "kind": "VerticalPodAutoscaler"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    approved = {"api-approved.kubernetes.io": "https://github.com/kubernetes/kubernetes/pull/63797"}
    crd = {
        "metadata": {"name": "verticalpodautoscalers.autoscaling.k8s.io", "annotations": approved},
        "spec": {"group": "autoscaling.k8s.io", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    _ensure(api, crd, "/apis/autoscaling.k8s.io/v1/verticalpodautoscalers")


def _ensure(api: Api, crd: dict[str, Any], objects: str) -> None:
    path = f"{TYPES}/{crd['metadata']['name']}"
    if api.status_of("GET", path) != 200:
        api.create(TYPES, crd, fieldValidation="Strict")

    def established() -> bool:
        conditions = api.get(path).get("status", {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    until(established, "the type is established")
    until(lambda: api.status_of("GET", objects) == 200, "the type is served")


def put_policy(api: Api, namespace: str, policy: dict[str, Any]) -> None:
    """Makes or replaces the policy."""
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    config_map = {"metadata": {"name": POLICY}, "data": {"policy.yaml": yaml.safe_dump(policy)}}
    if api.status_of("GET", f"{collection}/{POLICY}") == 200:
        api.patch(f"{collection}/{POLICY}", config_map)
    else:
        api.create(collection, config_map)


class RightSizer:
    """A running right-sizer.

    Args:
        kubeconfig: of whoever it is.
        folder: new; its log and its certificate go there.
        namespace: of its lease, its certificate and its policy.
        settings: further settings by their names.
    """

    def __init__(self, kubeconfig: Path, folder: Path, namespace: str, **settings: object) -> None:
        folder.mkdir()
        self.folder = folder
        port, self.port = free_port(), free_port()
        self.metrics_url = f"http://127.0.0.1:{port}/metrics"
        told = {
            "host": "127.0.0.1",
            "http_port": self.port,
            "metrics_port": port,
            "kubeconfig": kubeconfig,
            "namespace": namespace,
            "identity": folder.name,
            "webhook_folder": folder / "tls",
            "lease_seconds": 3.0,
            "cap_seconds": 0.2,
            "resize_seconds": 0.2,
        }
        environment = [f"{PREFIX}{name.upper()}={value}" for name, value in (told | settings).items()]
        command = ["env", *environment, sys.executable, "-m", "hydatis_right_sizer"]
        self._program = Program(command, folder / "log", f"http://127.0.0.1:{port}/readyz")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._program.pid

    def stop(self) -> None:
        """Kills it."""
        self._program.stop()
