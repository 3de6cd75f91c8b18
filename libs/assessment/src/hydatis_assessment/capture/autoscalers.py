"""Who else decides about requests: HorizontalPodAutoscalers that divide by them, VerticalPodAutoscalers that write them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.autoscalers import HorizontalPodAutoscaler, VerticalPodAutoscaler, Workload, targets_for

from hydatis_assessment.capture.api_lists import has_group, listed, read
from hydatis_assessment.cluster_use import ContainerRow

__all__ = ["Autoscalers"]

_HORIZONTAL = "/apis/autoscaling/v2/horizontalpodautoscalers"
_VERTICAL_GROUP = "autoscaling.k8s.io"
_VERTICAL = f"/apis/{_VERTICAL_GROUP}/v1/verticalpodautoscalers"


class Autoscalers:
    """Those of a cluster.

    Raises:
        DependencyUnavailable: there is no API server, or one may not list them.
        InvalidValue: an answer is no list.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._held: defaultdict[Workload, set[tuple[str, str]]] = defaultdict(set)
        for raw in listed(api, _HORIZONTAL):
            horizontal = read(raw, HorizontalPodAutoscaler, "HorizontalPodAutoscaler")
            self._held[horizontal.workload] |= horizontal.utilisation_of
        vertical = listed(api, _VERTICAL) if has_group(api, _VERTICAL_GROUP) else ()
        self._vertical = {read(raw, VerticalPodAutoscaler, "VerticalPodAutoscaler").workload for raw in vertical}

    def on(self, row: ContainerRow) -> ContainerRow:
        """A row, with who decides about it."""
        workload = (row.name.namespace, row.name.workload)
        held = [pair for target in targets_for(workload, self._held) for pair in self._held[target]]
        resources = frozenset(resource for container, resource in held if container in ("", row.name.container))
        is_vertical = bool(targets_for(workload, self._vertical))
        return replace(row, hpa_resources=resources, vpa=is_vertical) if resources or is_vertical else row
