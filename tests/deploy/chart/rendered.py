"""The chart, rendered: the same helm, release and namespace for every test."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from control_plane.api import JsonObject

from chart.go_modules import KUBERNETES_VERSION, helm_program

__all__ = ["CHART", "FULL", "NAMESPACE", "PLAIN", "RELEASE", "TLS", "Rendered", "lint", "refusal", "render"]

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "helm" / "hydatis"
RELEASE = "hydatis"
NAMESPACE = "hydatis-system"
#: Values of the plain manifests, and values with every option on.
PLAIN = ROOT / "deploy" / "manifests" / "values.yaml"
FULL = ROOT / "tests" / "deploy" / "values" / "full.yaml"
#: Values with mutual TLS, which excludes the mesh of the former.
TLS = FULL.with_name("tls.yaml")


@dataclass(frozen=True)
class Rendered:
    """What helm made of some values."""

    text: str
    objects: tuple[JsonObject, ...]

    def of(self, kind: str) -> dict[str, JsonObject]:
        """Objects of a kind by name."""
        return {made["metadata"]["name"]: made for made in self.objects if made["kind"] == kind}

    def one(self, kind: str, name: str) -> JsonObject:
        """One object."""
        return self.of(kind)[name]

    def pod_templates(self) -> Iterator[tuple[str, JsonObject]]:
        """(name, pod template) of everything that makes pods by itself."""
        for made in self.objects:
            if made["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
                yield made["metadata"]["name"], made["spec"]["template"]


def render(*files: Path, namespace: str = NAMESPACE, **values: Any) -> Rendered:
    """The chart's objects.

    Args:
        files: files of values.
        namespace: of the release.
        values: single values, ``models__serving="kserve"`` for models.serving.
    """
    done = _run("template", RELEASE, str(CHART), *_options(files, values, namespace))
    assert done.returncode == 0, done.stderr
    documents = yaml.load_all(done.stdout, yaml.CSafeLoader)
    return Rendered(done.stdout, tuple(document for document in documents if document))


def refusal(*files: Path, **values: Any) -> str:
    """What helm says of values that it must not take."""
    done = _run("template", RELEASE, str(CHART), *_options(files, values))
    assert done.returncode != 0, "helm took it"
    return done.stderr


def lint(*files: Path) -> subprocess.CompletedProcess[str]:
    """What helm's linter says, warnings being errors."""
    return _run("lint", str(CHART), "--strict", *_options(files, {}))


def _options(files: tuple[Path, ...], values: dict[str, Any], namespace: str = NAMESPACE) -> list[str]:
    options = ["--namespace", namespace, "--kube-version", KUBERNETES_VERSION]
    for file in files:
        options += ["--values", str(file)]
    for name, value in values.items():
        options += ["--set-json", f"{name.replace('__', '.')}={json.dumps(value)}"]
    return options


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(helm_program()), *arguments], capture_output=True, text=True, check=False)
