"""What the API server says of a cluster now: nodes, pods that run and what they ask for, and who else decides about it.

Asked by GET alone, in pages: nodes, pods, HorizontalPodAutoscalers, VerticalPodAutoscalers where the cluster knows such, and the
API's groups, to know that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.quantities import parse_quantity
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.objects import read_node
from hydatis_serving.kube.pod_json import Quantities
from hydatis_serving.kube.pods import workload_of
from hydatis_serving.kube.running_pods import RunningContainer, RunningPod, RunningSpec
from hydatis_sizing.recommendation import Amounts, ContainerName

from hydatis_assessment.cluster_use import ContainerRow

__all__ = ["ORIGINAL_REQUESTS", "RIGHT_SIZE", "ClusterNow", "cluster_now"]

#: Annotations of pods: whether the owner wants it sized, and what its owner asked for before somebody sized it.
RIGHT_SIZE, ORIGINAL_REQUESTS = "hydatis.io/right-size", "hydatis.io/original-requests"
_PODS = ("/api/v1/pods", {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"})
_NODES, _GROUPS = "/api/v1/nodes", "/apis"
_HPAS = "/apis/autoscaling/v2/horizontalpodautoscalers"
_VPA_GROUP = "autoscaling.k8s.io"
_VPAS = f"/apis/{_VPA_GROUP}/v1/verticalpodautoscalers"
PAGE_COUNT, READ_SECONDS = "500", 60.0


class _Spec(RunningSpec, frozen=True, gc=False, rename="camel"):
    init_containers: Sequence[RunningContainer] | None = None


class _Pod(RunningPod, frozen=True, gc=False):
    spec: _Spec = _Spec()


class _Token(msgspec.Struct, frozen=True, gc=False):
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True, gc=False):
    metadata: _Token = _Token()
    items: list[msgspec.Raw] | None = None


class _Named(msgspec.Struct, frozen=True, gc=False):
    name: str = ""


class _Groups(msgspec.Struct, frozen=True, gc=False):
    groups: list[_Named] = []


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    namespace: str = ""


class _Target(msgspec.Struct, frozen=True, gc=False):
    kind: str = ""
    name: str = ""


class _MetricTarget(msgspec.Struct, frozen=True, gc=False):
    type: str = ""


class _ResourceMetric(msgspec.Struct, frozen=True, gc=False):
    name: str = ""
    container: str = ""
    target: _MetricTarget = _MetricTarget()


class _Metric(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource: _ResourceMetric | None = None
    container_resource: _ResourceMetric | None = None


class _ScalerSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    scale_target_ref: _Target = _Target()
    target_ref: _Target = _Target()
    metrics: list[_Metric] | None = None


class _Scaler(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata
    spec: _ScalerSpec = _ScalerSpec()

    def scaled(self) -> Iterator[tuple[str, str]]:
        """(container, resource) that a utilisation is held of; container "": all of the pod's."""
        for metric in self.spec.metrics or ():
            for told in (metric.resource, metric.container_resource):
                if told is not None and told.target.type == "Utilization":
                    yield told.container, told.name


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
    notes: tuple[str, ...] = ()
    """Objects that could not be read, a sentence each."""


def cluster_now(api: KubernetesApi) -> ClusterNow:
    """Asks the API server.

    Raises:
        DependencyUnavailable: there is none, or one may not list something.
        InvalidValue: there is no usable kubeconfig, or an answer is no list.
    """
    notes: list[str] = []
    nodes = sorted(_nodes(api, notes), key=lambda node: node.name)
    scalers = [_read(raw, _Scaler, "HorizontalPodAutoscaler") for raw in _objects(api, _HPAS, {})]
    groups = {group.name for group in _read(_body(api, _GROUPS, {}), _Groups, "APIGroupList").groups}
    vertical = [_read(raw, _Scaler, "VerticalPodAutoscaler") for raw in _objects(api, _VPAS, {})] if _VPA_GROUP in groups else []
    rows: dict[tuple[str, str], tuple[ContainerRow, ...]] = {}
    placed: dict[tuple[str, str], str] = {}
    passing: set[ContainerName] = set()
    for raw in _objects(api, *_PODS):
        pod = _read(raw, _Pod, "Pod")
        if not pod.spec.node_name:
            continue
        key = pod.metadata.namespace, pod.metadata.name
        try:
            rows[key] = tuple(_scaled(row, scalers, vertical) for row in _rows(pod))
        except HydatisError as wrong:
            notes.append(f"Pod {key[0]}/{key[1]} is left out: {wrong}")
            continue
        placed[key] = pod.spec.node_name
        names = (one.name for one in pod.spec.init_containers or () if one.restart_policy != "Always")
        passing.update(ContainerName(key[0], workload_of(pod), name) for name in names)
    return ClusterNow(tuple(nodes), rows, placed, frozenset(passing), tuple(notes))


def _nodes(api: KubernetesApi, notes: list[str]) -> Iterator[Node]:
    for raw in _objects(api, _NODES, {}):
        try:
            seen = read_node(raw, {})
        except InvalidValue as wrong:
            notes.append(f"A node is left out: {wrong}")
            continue
        if seen.node is not None:
            yield seen.node


def _rows(pod: _Pod) -> Iterator[ContainerRow]:
    workload = workload_of(pod)
    original = _original(pod.annotations.get(ORIGINAL_REQUESTS, ""))
    sidecars = [one for one in pod.spec.init_containers or () if one.restart_policy == "Always"]
    for container, is_sidecar in [*((one, False) for one in pod.containers), *((one, True) for one in sidecars)]:
        resources = container.resources
        yield ContainerRow(
            name=ContainerName(pod.metadata.namespace, workload, container.name),
            pod=pod.metadata.name,
            requests=_amounts((resources.requests if resources else None) or {}, original.get(container.name, {})),
            limits=_amounts((resources.limits if resources else None) or {}, {}),
            qos=pod.status.qos_class or "Burstable",
            right_size=pod.annotations.get(RIGHT_SIZE, ""),
            is_sidecar=is_sidecar,
        )


def _scaled(row: ContainerRow, horizontal: list[_Scaler], vertical: list[_Scaler]) -> ContainerRow:
    def targets(scaler: _Scaler, target: _Target) -> bool:
        return (scaler.metadata.namespace, f"{target.kind}/{target.name}") == (row.name.namespace, row.name.workload)

    resources = {
        resource
        for scaler in horizontal
        if targets(scaler, scaler.spec.scale_target_ref)
        for container, resource in scaler.scaled()
        if container in ("", row.name.container)
    }
    is_vertical = any(targets(scaler, scaler.spec.target_ref) for scaler in vertical)
    return replace(row, hpa_resources=frozenset(resources), vpa=is_vertical) if resources or is_vertical else row


def _original(annotation: str) -> dict[str, Quantities]:
    try:
        return msgspec.json.decode(annotation, type=dict[str, Quantities]) if annotation else {}
    except msgspec.MsgspecError:
        return {}  # somebody else's word: what stands in the pod counts


def _amounts(told: Quantities, instead: Quantities) -> Amounts:
    amounts = told | instead
    read = {name: parse_quantity(amounts[name], field=name) for name in ("cpu", "memory") if name in amounts}
    return Amounts(read.get("cpu", math.nan), read.get("memory", math.nan))


def _objects(api: KubernetesApi, path: str, query: Mapping[str, str]) -> Iterator[msgspec.Raw]:
    token = ""
    while True:
        page = _read(_body(api, path, {**query, "limit": PAGE_COUNT} | ({"continue": token} if token else {})), _List, "list")
        yield from page.items or ()
        token = page.metadata.continue_
        if not token:
            return


def _body(api: KubernetesApi, path: str, query: Mapping[str, str]) -> bytes:
    with api.get(path, query, READ_SECONDS) as answer:
        return bytes(answer.read(decode_content=True))


def _read(text: bytes | msgspec.Raw, kind: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"the API server sent no {what}: {wrong}"[:300], field="kubernetes", expected="Kubernetes") from None
