"""Objects of the API server as far as right-sizing needs them. Whatever else stands in the JSON is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_core.quantities import parse_quantity
from hydatis_serving.kube.pod_json import Quantities
from hydatis_sizing.node_cap import RECLAIMED_CPU, RECLAIMED_MEMORY

__all__ = [
    "CAP_RESOURCES",
    "Autoscaler",
    "LimitRange",
    "Metadata",
    "Namespace",
    "NodeObject",
    "Quota",
    "VerticalAutoscaler",
    "amounts_of",
    "read",
]

T = TypeVar("T")

#: Resource -> the extended resource of nodes and pods that stands for what was reclaimed of it.
CAP_RESOURCES: Mapping[str, str] = {"cpu": RECLAIMED_CPU, "memory": RECLAIMED_MEMORY}


class Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``metadata``."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Namespace(msgspec.Struct, frozen=True, gc=False):
    """A namespace."""

    metadata: Metadata


class TargetRef(msgspec.Struct, frozen=True, gc=False):
    """The workload that an autoscaler is for."""

    kind: str = ""
    name: str = ""

    @property
    def workload(self) -> str:
        """ "Deployment/web"."""
        return f"{self.kind}/{self.name}"


class _MetricTarget(msgspec.Struct, frozen=True, gc=False):
    type: str = ""


class _ResourceMetric(msgspec.Struct, frozen=True, gc=False):
    name: str = ""
    target: _MetricTarget = _MetricTarget()


class _Metric(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource: _ResourceMetric | None = None
    container_resource: _ResourceMetric | None = None


class _AutoscalerSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    scale_target_ref: TargetRef = TargetRef()
    metrics: list[_Metric] | None = None


class Autoscaler(msgspec.Struct, frozen=True, gc=False):
    """A HorizontalPodAutoscaler, autoscaling/v2."""

    metadata: Metadata
    spec: _AutoscalerSpec = _AutoscalerSpec()

    @property
    def workload(self) -> str:
        """Of which workload."""
        return self.spec.scale_target_ref.workload

    @property
    def utilisation_of(self) -> frozenset[str]:
        """Resources whose use over request decides on replicas: "cpu", "memory". One without metrics goes by CPU."""
        if not self.spec.metrics:
            return frozenset({"cpu"})
        read = (one.resource or one.container_resource for one in self.spec.metrics)
        return frozenset(metric.name for metric in read if metric is not None and metric.target.type == "Utilization")


class _VerticalSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    target_ref: TargetRef = TargetRef()


class VerticalAutoscaler(msgspec.Struct, frozen=True, gc=False):
    """A VerticalPodAutoscaler; in whatever mode, its recommendations are made from requests that nobody else changes."""

    metadata: Metadata
    spec: _VerticalSpec = _VerticalSpec()

    @property
    def workload(self) -> str:
        """Of which workload."""
        return self.spec.target_ref.workload


class LimitRangeItem(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One item of a LimitRange."""

    type: str = ""
    min: Quantities | None = None
    max: Quantities | None = None
    max_limit_request_ratio: Quantities | None = None


class _LimitRangeSpec(msgspec.Struct, frozen=True, gc=False):
    limits: list[LimitRangeItem] | None = None


class LimitRange(msgspec.Struct, frozen=True, gc=False):
    """A LimitRange."""

    metadata: Metadata
    spec: _LimitRangeSpec = _LimitRangeSpec()


class _QuotaSpec(msgspec.Struct, frozen=True, gc=False):
    hard: Quantities | None = None


class Quota(msgspec.Struct, frozen=True, gc=False):
    """A ResourceQuota."""

    metadata: Metadata
    spec: _QuotaSpec = _QuotaSpec()


class _Taint(msgspec.Struct, frozen=True, gc=False):
    key: str = ""
    effect: str = ""


class _NodeSpec(msgspec.Struct, frozen=True, gc=False):
    unschedulable: bool = False
    taints: list[_Taint] | None = None


class _NodeStatus(msgspec.Struct, frozen=True, gc=False):
    capacity: Quantities | None = None
    allocatable: Quantities | None = None


class NodeObject(msgspec.Struct, frozen=True, gc=False):
    """A node."""

    metadata: Metadata
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()

    @property
    def takes_pods(self) -> bool:
        """Whether nothing keeps every pod off it."""
        return not self.spec.unschedulable and not any(
            taint.effect in ("NoSchedule", "NoExecute") for taint in self.spec.taints or ()
        )


_DECODERS: dict[type, msgspec.json.Decoder[object]] = {}


def read(kind: type[T], text: bytes | msgspec.Raw) -> T:
    """An object of a kind.

    Raises:
        InvalidValue: it is none.
    """
    decoder = _DECODERS.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        found = decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"it is no {kind.__name__}: {wrong}", field="object", expected=f"a {kind.__name__} as JSON") from None
    assert isinstance(found, kind)
    return found


def amounts_of(quantities: Quantities | None) -> dict[str, float]:
    """Amounts by resource, in base units; one that is no quantity is left out."""
    found: dict[str, float] = {}
    for name, quantity in (quantities or {}).items():
        try:
            found[name] = parse_quantity(quantity, field=name)
        except HydatisError:
            continue
    return found
