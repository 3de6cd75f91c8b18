"""Who else decides about requests: HorizontalPodAutoscalers that divide by them, VerticalPodAutoscalers that write them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import msgspec
from hydatis_serving.kube.api import KubernetesApi

from hydatis_assessment.capture.api_lists import has_group, listed, read
from hydatis_assessment.cluster_use import ContainerRow

__all__ = ["Autoscalers"]

_HORIZONTAL = "/apis/autoscaling/v2/horizontalpodautoscalers"
_VERTICAL_GROUP = "autoscaling.k8s.io"
_VERTICAL = f"/apis/{_VERTICAL_GROUP}/v1/verticalpodautoscalers"


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


class _Spec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    scale_target_ref: _Target = _Target()
    target_ref: _Target = _Target()
    metrics: list[_Metric] | None = None


class _Autoscaler(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata
    spec: _Spec = _Spec()

    def key(self, target: _Target) -> tuple[str, str]:
        """Namespace and workload."""
        return self.metadata.namespace, f"{target.kind}/{target.name}"

    def held(self) -> Iterator[tuple[str, str]]:
        """(container, resource) whose utilisation is held; container "": all of the pod's."""
        for metric in self.spec.metrics or ():
            for told in (metric.resource, metric.container_resource):
                if told is not None and told.target.type == "Utilization":
                    yield told.container, told.name


class Autoscalers:
    """Those of a cluster.

    Raises:
        DependencyUnavailable: there is no API server, or one may not list them.
        InvalidValue: an answer is no list.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._held: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for raw in listed(api, _HORIZONTAL):
            horizontal = read(raw, _Autoscaler, "HorizontalPodAutoscaler")
            self._held[horizontal.key(horizontal.spec.scale_target_ref)] += horizontal.held()
        vertical = listed(api, _VERTICAL) if has_group(api, _VERTICAL_GROUP) else ()
        read_vertical = [read(raw, _Autoscaler, "VerticalPodAutoscaler") for raw in vertical]
        self._vertical = {one.key(one.spec.target_ref) for one in read_vertical}
        self._kinds = {workload.partition("/")[0] for _, workload in self._held.keys() | self._vertical}

    def on(self, row: ContainerRow) -> ContainerRow:
        """A row, with who decides about it.

        Of a ReplicaSet, also whoever targets something of its name less the hash: kinds of others (a Rollout) own ReplicaSets as
        Deployments do, and one HorizontalPodAutoscaler too few is a scale-out storm.
        """
        namespace, (kind, _, name) = row.name.namespace, row.name.workload.partition("/")
        mine = {row.name.workload}
        if kind == "ReplicaSet":
            mine |= {f"{other}/{name.rpartition('-')[0]}" for other in self._kinds}
        held = [pair for workload in mine for pair in self._held.get((namespace, workload), ())]
        resources = frozenset(resource for container, resource in held if container in ("", row.name.container))
        is_vertical = any((namespace, workload) in self._vertical for workload in mine)
        return replace(row, hpa_resources=resources, vpa=is_vertical) if resources or is_vertical else row
