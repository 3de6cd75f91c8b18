"""What the chart's tests take from published Go modules: helm, KServe, and the types of those whose objects the chart makes.

No download site is needed, only a Go module proxy. Programs are built once and kept by version in ``HYDATIS_CLUSTER_CACHE``, like
those of the test control plane.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

import yaml
from control_plane.api import JsonObject
from control_plane.build_cache import built, cache_folder, go_program

__all__ = ["KSERVE", "KUBERNETES_VERSION", "crds", "helm_program", "kserve_program", "module_folder"]

MODULE = Path(__file__).resolve().parents[1] / "binaries"
#: What helm takes for the cluster's version where none is asked.
KUBERNETES_VERSION = "1.36.2"
KSERVE = "github.com/kserve/kserve@v0.20.0"
#: Modules that carry custom resource definitions -> files of those that the chart makes objects of.
CRD_FILES: dict[str, tuple[str, ...]] = {
    KSERVE: (
        "config/crd/full/serving.kserve.io_inferenceservices.yaml",
        "config/crd/full/serving.kserve.io_servingruntimes.yaml",
        # of these the chart makes no objects, but KServe's controller follows them
        "config/crd/full/serving.kserve.io_clusterservingruntimes.yaml",
        "config/crd/full/serving.kserve.io_inferencegraphs.yaml",
        "config/crd/full/serving.kserve.io_trainedmodels.yaml",
        "config/crd/full/clusterstoragecontainer/serving.kserve.io_clusterstoragecontainers.yaml",
    ),
    "istio.io/api@v1.31.4": ("kubernetes/customresourcedefinitions.gen.yaml",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "github.com/cert-manager/cert-manager@v1.21.2": ("deploy/crds/cert-manager.io_certificates.yaml",),
}


@cache
def helm_program() -> Path:
    """The helm that ``binaries/go.mod`` pins, built if it is not there yet."""
    pins = hashlib.sha256((MODULE / "go.mod").read_bytes()).hexdigest()[:12]
    return built(cache_folder() / f"helm-{pins}" / "helm", "helm.sh/helm/v3/cmd/helm", MODULE)


@cache
def kserve_program() -> Path:
    """KServe's controller and webhooks, as its own module pins them; a cold build takes long."""
    return built(cache_folder() / KSERVE.rpartition("/")[2] / "manager", "./cmd/manager", module_folder(KSERVE))


@cache
def module_folder(module: str) -> Path:
    """Where a published module's files are, fetched if need be."""
    answer = subprocess.run([go_program(), "mod", "download", "-json", module], cwd="/", capture_output=True, text=True, check=True)
    return Path(json.loads(answer.stdout)["Dir"])


def crds() -> list[JsonObject]:
    """The custom resource definitions of KServe, Istio, the Prometheus operator and cert-manager, as they publish them."""
    found: list[JsonObject] = []
    for module, files in CRD_FILES.items():
        for name in files:
            text = (module_folder(module) / name).read_text()
            found += [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
    return found
