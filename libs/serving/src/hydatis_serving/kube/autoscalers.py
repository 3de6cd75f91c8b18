"""Who else decides about requests: HorizontalPodAutoscalers that divide by them, VerticalPodAutoscalers that write them.

Whoever reads a cluster's past and whoever sizes its pods ask this one reading: a workload that the one leaves alone and the other
resizes would be worse than either. Whatever else stands in the JSON is passed over.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

__all__ = ["HorizontalPodAutoscaler", "VerticalPodAutoscaler", "Workload", "targets_for"]

Workload = tuple[str, str]
"""Namespace, and "Deployment/web"."""


class AutoscalerMetadata(msgspec.Struct, frozen=True, gc=False):
    """``metadata``."""

    name: str
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


class _HorizontalSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    scale_target_ref: _Target = _Target()
    metrics: list[_Metric] | None = None


class HorizontalPodAutoscaler(msgspec.Struct, frozen=True, gc=False):
    """One of autoscaling/v2."""

    metadata: AutoscalerMetadata
    spec: _HorizontalSpec = _HorizontalSpec()

    @property
    def workload(self) -> Workload:
        """Whose replicas it decides about."""
        return _workload(self.metadata, self.spec.scale_target_ref)

    @property
    def utilisation_of(self) -> frozenset[tuple[str, str]]:
        """(container, "cpu" or "memory") whose use over request decides on replicas; container "": all of the pod's.

        One without metrics goes by CPU.
        """
        if not self.spec.metrics:
            return frozenset({("", "cpu")})
        told = (metric for one in self.spec.metrics for metric in (one.resource, one.container_resource))
        return frozenset((one.container, one.name) for one in told if one is not None and one.target.type == "Utilization")


class _VerticalSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    target_ref: _Target = _Target()


class VerticalPodAutoscaler(msgspec.Struct, frozen=True, gc=False):
    """One of autoscaling.k8s.io/v1; in whatever mode, its recommendations are made from requests that nobody else changes."""

    metadata: AutoscalerMetadata
    spec: _VerticalSpec = _VerticalSpec()

    @property
    def workload(self) -> Workload:
        """Whose pods it sizes."""
        return _workload(self.metadata, self.spec.target_ref)


def targets_for(workload: Workload, targets: Collection[Workload]) -> list[Workload]:
    """Of the workloads that autoscalers are for, those whose autoscalers decide about this one.

    Itself; and of a ReplicaSet also whatever has its name less the hash: other kinds than Deployments (a Rollout) make ReplicaSets,
    too, and one autoscaler overlooked is a scale-out storm.
    """
    namespace, (kind, _, name) = workload[0], workload[1].partition("/")
    found = [workload] if workload in targets else []
    maker = name.rpartition("-")[0] if kind == "ReplicaSet" else ""
    if maker:
        known = tuple(targets)  # at once: a watcher may change them meanwhile
        found += [one for one in known if (one[0], one[1].partition("/")[2]) == (namespace, maker)]
    return found


def _workload(metadata: AutoscalerMetadata, target: _Target) -> Workload:
    return metadata.namespace, f"{target.kind}/{target.name}"
