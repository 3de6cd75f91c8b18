"""What LimitRanges say of requests, in the form that bounds take; the API server itself refuses a pod that is outside of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hydatis_serving.kube.pod_json import ContainerJson
from hydatis_serving.kube.running_pods import RunningPod
from hydatis_sizing.bounds import Range

from hydatis_right_sizer.objects import LimitRange, amounts_of

__all__ = ["limits_of", "pod_limit", "range_of"]


def range_of(ranges: Iterable[LimitRange], kind: str, resource: str) -> Range:
    """The strictest of all items.

    Args:
        ranges: of the namespace.
        kind: "Container" or "Pod".
        resource: "cpu" or "memory".
    """
    items = [item for one in ranges for item in one.spec.limits or () if item.type == kind]
    least = max((amounts_of(item.min).get(resource, 0.0) for item in items), default=0.0)
    ratios = (amounts_of(item.max_limit_request_ratio).get(resource, math.inf) for item in items)
    return Range(least, min(ratios, default=math.inf))


def limits_of(container: ContainerJson) -> tuple[float, float]:
    """Limits of CPU and memory, cores and bytes; NaN: none."""
    limits = amounts_of(container.resources.limits if container.resources else None)
    return limits.get("cpu", math.nan), limits.get("memory", math.nan)


def pod_limit(pod: RunningPod, index: int) -> float:
    """The pod's limit as LimitRanger sums it: of its containers, or of an init container that has more; NaN: none.

    Args:
        pod: the pod.
        index: 0: CPU, 1: memory.
    """
    running = [limit for container in pod.containers if not math.isnan(limit := limits_of(container)[index])]
    first = [limit for container in pod.spec.init_containers or () if not math.isnan(limit := limits_of(container)[index])]
    return max([*([math.fsum(running)] if running else []), *first], default=math.nan)
