"""What the chart's tests take from published Go modules: helm itself, and the types of those whose objects the chart makes.

No download site is needed, only a Go module proxy. Helm is built once and kept by version in ``HYDATIS_CLUSTER_CACHE``, like the
programs of the test control plane.
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

__all__ = ["KUBERNETES_VERSION", "crds", "helm_program"]

MODULE = Path(__file__).resolve().parents[1] / "binaries"
#: What helm takes for the cluster's version where none is asked.
KUBERNETES_VERSION = "1.36.2"
KSERVE = "github.com/kserve/kserve@v0.20.0"
#: Modules that carry custom resource definitions -> files of those that the chart makes objects of.
CRD_FILES: dict[str, tuple[str, ...]] = {
    KSERVE: (
        "config/crd/full/serving.kserve.io_inferenceservices.yaml",
        "config/crd/full/serving.kserve.io_servingruntimes.yaml",
        "config/crd/full/clusterstoragecontainer/serving.kserve.io_clusterstoragecontainers.yaml",
    ),
    "istio.io/api@v1.31.4": ("kubernetes/customresourcedefinitions.gen.yaml",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
}


@cache
def helm_program() -> Path:
    """The helm that ``binaries/go.mod`` pins, built if it is not there yet."""
    pins = hashlib.sha256((MODULE / "go.mod").read_bytes()).hexdigest()[:12]
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hydatis" / "cluster"
    target = Path(os.environ.get("HYDATIS_CLUSTER_CACHE") or default) / f"helm-{pins}" / "helm"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs build it once
        if not target.is_file():
            partial = target.with_suffix(".partial")
            command = [_go(), "build", "-ldflags=-s -w", "-o", str(partial), "helm.sh/helm/v3/cmd/helm"]
            subprocess.run(command, cwd=MODULE, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
            partial.replace(target)  # whole or not at all
    return target


@cache
def _module_folder(module: str) -> Path:
    """Where a published module's files are, fetched if need be."""
    answer = subprocess.run([_go(), "mod", "download", "-json", module], cwd="/", capture_output=True, text=True, check=True)
    return Path(json.loads(answer.stdout)["Dir"])


def crds() -> list[JsonObject]:
    """The custom resource definitions of KServe, Istio and the Prometheus operator, as they publish them."""
    found: list[JsonObject] = []
    for module, files in CRD_FILES.items():
        for name in files:
            text = (_module_folder(module) / name).read_text()
            found += [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
    return found
