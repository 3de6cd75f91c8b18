"""Advice as files that people review and apply by the tools that they have: kubectl, Helm, Kustomize, GitOps.

Each form is a table from a file's name to its text, so that all of them are shown or written in the same way. Nothing is in them
that is left alone, save in the objects, which say why.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import yaml
from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.size_recommendations import object_name, written_object
from hydatis_sizing.recommendation import Recommendation

__all__ = ["FORMS", "TEMPLATES", "advice_files", "workloads"]

#: Kind -> where the template of its pods is. Those of other kinds cannot be changed, or are nobody's who stands here.
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
#: Form -> what it is.
FORMS: Mapping[str, str] = {
    "patches": "a strategic merge patch per workload, and the kubectl commands that apply them",
    "helm": "the values that a chart's resources take, per workload",
    "kustomize": "a Kustomize component per namespace, for an overlay's `components`",
    "objects": "a SizeRecommendation per workload, for the right-sizer",
}


def workloads(advice: Sequence[Recommendation]) -> list[list[Recommendation]]:
    """Advice by workload, sorted."""
    by_name = sorted(advice, key=lambda one: one.container)
    return [list(group) for _, group in groupby(by_name, key=lambda one: (one.container.namespace, one.container.workload))]


def advice_files(form: str, advice: Sequence[Recommendation], mode: str = "") -> dict[str, str]:
    """Text by file.

    Args:
        form: one of ``FORMS``.
        advice: what is advised.
        mode: of objects; empty: it is not said, and stays what people made it.

    Raises:
        InvalidValue: there is no such form.
    """
    if form == "objects":
        return {f"{_path(one)}.yaml": _yaml(size_object(one, mode)) for one in workloads(advice)}
    changed = [(one, resources) for one in workloads(advice) if (resources := _resources(one))]
    if form == "helm":
        return {f"{_path(one)}.values.yaml": _values(one, resources) for one, resources in changed}
    patched = [(one, resources) for one, resources in changed if _kind(one) in TEMPLATES]
    if form == "patches":
        files = {f"{_path(one)}.yaml": _yaml(_patch(one, resources)) for one, resources in patched}
        return files | {"apply.sh": '#!/bin/sh\nset -e\ncd "$(dirname "$0")"\n' + "".join(_command(one) for one, _ in patched)}
    if form == "kustomize":
        files = {f"{_path(one)}.yaml": _yaml(_patch(one, resources, named=True)) for one, resources in patched}
        for namespace, group in groupby((one for one, _ in patched), key=lambda one: one[0].container.namespace):
            files[f"{namespace}/kustomization.yaml"] = _yaml(_component(list(group)))
        return files
    raise InvalidValue(f"there is no form {form!r}", field="--output", expected=f"one of {', '.join(FORMS)}")


def size_object(of_workload: Sequence[Recommendation], mode: str) -> dict[str, Any]:
    """The object of a workload, its mode only where one is said."""
    made = written_object(of_workload, mode or "Apply")
    if not mode:
        del made["spec"]["mode"]
    return made


def _kind(of_workload: Sequence[Recommendation]) -> str:
    return of_workload[0].container.workload.partition("/")[0]


def _name(of_workload: Sequence[Recommendation]) -> str:
    return of_workload[0].container.workload.partition("/")[2]


def _path(of_workload: Sequence[Recommendation]) -> str:
    return f"{of_workload[0].container.namespace}/{object_name(of_workload[0].container.workload)}"


def _resources(of_workload: Sequence[Recommendation]) -> dict[str, dict[str, Any]]:
    """``resources`` by container, of those that may be sized."""
    told = written_object(of_workload)["spec"]["containers"]
    sized = {one.container.container for one in of_workload if not one.untouched}
    found = {one["name"]: {kind: one[kind] for kind in ("requests", "limits") if kind in one} for one in told}
    return {name: resources for name, resources in found.items() if name in sized and resources}


def _patch(of_workload: Sequence[Recommendation], resources: Mapping[str, Any], *, named: bool = False) -> dict[str, Any]:
    """A strategic merge patch: lists of containers are merged by name."""
    containers = [{"name": name, "resources": amounts} for name, amounts in resources.items()]
    patch: dict[str, Any] = {"spec": {"containers": containers}}
    kind = _kind(of_workload)
    for step in reversed(TEMPLATES[kind]):
        patch = {step: patch}
    if not named:
        return patch
    version = "batch/v1" if kind == "CronJob" else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": _name(of_workload)}} | patch


def _command(of_workload: Sequence[Recommendation]) -> str:
    resource = f"{_kind(of_workload).lower()}/{_name(of_workload)}"
    words = ["kubectl", "patch", resource, "--namespace", of_workload[0].container.namespace, "--type", "strategic"]
    return f"{shlex.join([*words, '--patch-file', _path(of_workload) + '.yaml'])}\n"


def _component(of_namespace: Sequence[Sequence[Recommendation]]) -> dict[str, Any]:
    """A target without a namespace: overlays often set theirs last. What an overlay does not have is passed over."""
    patches = [
        {"path": f"{object_name(one[0].container.workload)}.yaml", "target": {"kind": _kind(one), "name": _name(one)}}
        for one in of_namespace
    ]
    return {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": patches}


def _values(of_workload: Sequence[Recommendation], resources: Mapping[str, Any]) -> str:
    names = list(resources)
    head = f"# {of_workload[0].container.namespace} {of_workload[0].container.workload}"
    if len(of_workload) == 1:
        return f"{head}, container {names[0]}\n{_yaml({'resources': resources[names[0]]})}"
    return f"{head}: by container\n{_yaml({name: {'resources': resources[name]} for name in names})}"


def _yaml(value: Any) -> str:
    return yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False, width=200)
