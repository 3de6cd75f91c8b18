"""What the chart's tests take from published Go modules: helm, KServe, and the types of those whose objects the chart makes.

No download site is needed, only a Go module proxy. Programs are built once and kept by version in ``HYDATIS_CLUSTER_CACHE``, like
those of the test control plane.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from functools import cache
from pathlib import Path

import yaml
from control_plane.api import JsonObject
from control_plane.binaries import _go

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
}


@cache
def helm_program() -> Path:
    """The helm that ``binaries/go.mod`` pins, built if it is not there yet."""
    pins = hashlib.sha256((MODULE / "go.mod").read_bytes()).hexdigest()[:12]
    return _built(f"helm-{pins}", "helm", MODULE, "helm.sh/helm/v3/cmd/helm")


@cache
def kserve_program() -> Path:
    """KServe's controller and webhooks, as its own module pins them; a cold build takes long."""
    return _built(KSERVE.rpartition("/")[2], "manager", module_folder(KSERVE), "./cmd/manager")


@cache
def module_folder(module: str) -> Path:
    """Where a published module's files are, fetched if need be."""
    answer = subprocess.run([_go(), "mod", "download", "-json", module], cwd="/", capture_output=True, text=True, check=True)
    return Path(json.loads(answer.stdout)["Dir"])


def crds() -> list[JsonObject]:
    """The custom resource definitions of KServe, Istio and the Prometheus operator, as they publish them."""
    found: list[JsonObject] = []
    for module, files in CRD_FILES.items():
        for name in files:
            text = (module_folder(module) / name).read_text()
            found += [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
    return found


def _built(folder: str, name: str, module: Path, package: str) -> Path:
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hydatis" / "cluster"
    target = Path(os.environ.get("HYDATIS_CLUSTER_CACHE") or default) / folder / name
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs build it once
        if not target.is_file():
            partial = target.with_suffix(".partial")
            command = [_go(), "build", "-ldflags=-s -w", "-o", str(partial), package]
            subprocess.run(command, cwd=module, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
            partial.replace(target)  # whole or not at all
    return target
