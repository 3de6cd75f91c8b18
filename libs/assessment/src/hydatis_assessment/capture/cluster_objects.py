"""What the API server says of a cluster now: nodes, pods that run and what they ask for, and who else decides about it.

Asked by GET alone: nodes, pods, CronJobs (whose pods are seldom there when one looks), autoscalers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.quantities import parse_quantity
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.objects import read_node
from hydatis_serving.kube.pod_json import Quantities, ResourcesJson
from hydatis_serving.kube.pods import workload_of
from hydatis_serving.kube.running_pods import RunningContainer, RunningMetadata, RunningPod, RunningSpec
from hydatis_sizing.recommendation import Amounts, ContainerName

from hydatis_assessment.capture.api_lists import listed, read
from hydatis_assessment.capture.autoscalers import Autoscalers
from hydatis_assessment.cluster_use import ContainerRow

__all__ = ["ORIGINAL_REQUESTS", "RIGHT_SIZE", "ClusterNow", "cluster_now"]

#: Annotations of pods: whether the owner wants it sized, and what its owner asked for before somebody sized it.
RIGHT_SIZE, ORIGINAL_REQUESTS = "hydatis.io/right-size", "hydatis.io/original-requests"
_PODS = ("/api/v1/pods", {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"})
_NODES, _CRON_JOBS = "/api/v1/nodes", "/apis/batch/v1/cronjobs"


class _Spec(RunningSpec, frozen=True, gc=False, rename="camel"):
    init_containers: Sequence[RunningContainer] | None = None


class _Pod(RunningPod, frozen=True, gc=False):
    spec: _Spec = _Spec()


class _Template(msgspec.Struct, frozen=True, gc=False):
    metadata: RunningMetadata = RunningMetadata()
    spec: _Spec = _Spec()


class _JobSpec(msgspec.Struct, frozen=True, gc=False):
    template: _Template = _Template()


class _JobTemplate(msgspec.Struct, frozen=True, gc=False):
    spec: _JobSpec = _JobSpec()


class _CronJobSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    job_template: _JobTemplate = _JobTemplate()


class _CronJob(msgspec.Struct, frozen=True, gc=False):
    metadata: RunningMetadata
    spec: _CronJobSpec = _CronJobSpec()


@dataclass(frozen=True)
class ClusterNow:
    """A cluster as it is."""

    nodes: tuple[Node, ...]
    """Those that have something to give, by name."""
    rows: Mapping[tuple[str, str], tuple[ContainerRow, ...]]
    """Containers by (namespace, pod), sidecars included, other init containers not; pods that are on a node."""
    placed: Mapping[tuple[str, str], str]
    """Node of each of those pods."""
    init_containers: frozenset[ContainerName] = frozenset()
    """Those that end before a pod's others begin: what they ask for is no part of what it asks for."""
    templates: Mapping[ContainerName, ContainerRow] = field(default_factory=dict)
    """Containers of workloads whose pods come and go by the clock, sidecars included."""
    notes: tuple[str, ...] = ()
    """Objects that could not be read, a sentence each."""


def cluster_now(api: KubernetesApi) -> ClusterNow:
    """Asks the API server.

    Raises:
        DependencyUnavailable: there is none, or one may not list something.
        InvalidValue: there is no usable kubeconfig, or an answer is no list.
    """
    notes: list[str] = []
    autoscalers = Autoscalers(api)
    rows: dict[tuple[str, str], tuple[ContainerRow, ...]] = {}
    placed: dict[tuple[str, str], str] = {}
    passing: set[ContainerName] = set()
    for raw in listed(api, *_PODS):
        pod = read(raw, _Pod, "Pod")
        if not pod.spec.node_name:
            continue
        key, workload = (pod.metadata.namespace, pod.metadata.name), workload_of(pod)
        try:
            told = tuple(_rows(ContainerName(key[0], workload, ""), pod.metadata, pod.spec, pod.status.qos_class))
        except HydatisError as wrong:
            notes.append(f"Pod {key[0]}/{key[1]} is left out: {wrong}")
            continue
        rows[key] = tuple(autoscalers.on(row) for row in told)
        placed[key] = pod.spec.node_name
        names = (one.name for one in pod.spec.init_containers or () if one.restart_policy != "Always")
        passing.update(ContainerName(key[0], workload, name) for name in names)
    return ClusterNow(
        nodes=tuple(sorted(_nodes(api, notes), key=lambda node: node.name)),
        rows=rows,
        placed=placed,
        init_containers=frozenset(passing),
        templates={row.name: autoscalers.on(row) for row in _cron_jobs(api, notes)},
        notes=tuple(notes),
    )


def _nodes(api: KubernetesApi, notes: list[str]) -> Iterator[Node]:
    for raw in listed(api, _NODES):
        try:
            seen = read_node(raw, {})
        except InvalidValue as wrong:
            notes.append(f"A node is left out: {wrong}")
            continue
        if seen.node is not None:
            yield seen.node


def _cron_jobs(api: KubernetesApi, notes: list[str]) -> Iterator[ContainerRow]:
    for raw in listed(api, _CRON_JOBS):
        job = read(raw, _CronJob, "CronJob")
        owner = ContainerName(job.metadata.namespace, f"CronJob/{job.metadata.name}", "")
        template = job.spec.job_template.spec.template
        try:
            yield from _rows(owner, template.metadata, template.spec, _class_of(template.spec))
        except HydatisError as wrong:
            notes.append(f"CronJob {job.metadata.namespace}/{job.metadata.name} is left out: {wrong}")


def _class_of(spec: _Spec) -> str:
    """Quality of service of a pod that is not there yet, as far as it matters here."""
    resources = [one.resources for one in (*(spec.containers or ()), *(spec.init_containers or ()))]
    limits = [one.limits or {} if one else {} for one in resources]
    equal = all((one.requests or one.limits) == one.limits for one in resources if one)
    return "Guaranteed" if equal and all({"cpu", "memory"} <= told.keys() for told in limits) else "Burstable"


def _rows(owner: ContainerName, metadata: RunningMetadata, spec: _Spec, quality: str) -> Iterator[ContainerRow]:
    annotations = metadata.annotations or {}
    original = _original(annotations.get(ORIGINAL_REQUESTS, ""))
    sidecars = [one for one in spec.init_containers or () if one.restart_policy == "Always"]
    for container, is_sidecar in [*((one, False) for one in spec.containers or ()), *((one, True) for one in sidecars)]:
        resources = container.resources or ResourcesJson()
        limits = resources.limits or {}
        yield ContainerRow(
            name=replace(owner, container=container.name),
            pod=metadata.name,
            # a limit without a request is a request, as the API server defaults it
            requests=_amounts({**limits, **(resources.requests or {}), **original.get(container.name, {})}),
            limits=_amounts(limits),
            qos=quality or "Burstable",
            right_size=annotations.get(RIGHT_SIZE, ""),
            is_sidecar=is_sidecar,
        )


def _original(annotation: str) -> dict[str, Quantities]:
    try:
        return msgspec.json.decode(annotation, type=dict[str, Quantities]) if annotation else {}
    except msgspec.MsgspecError:
        return {}  # somebody else's word: what stands in the pod counts


def _amounts(told: Quantities) -> Amounts:
    found = {name: parse_quantity(told[name], field=name) for name in ("cpu", "memory") if name in told}
    return Amounts(found.get("cpu", math.nan), found.get("memory", math.nan))
