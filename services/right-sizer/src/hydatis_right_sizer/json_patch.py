"""The patch that sizes a pod, RFC 6902: requests, what it gives up, and what its owner had asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from hydatis_core.quantities import cpu_quantity, memory_quantity
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION, RIGHT_SIZED_LABEL
from hydatis_serving.kube.running_pods import RunningPod
from hydatis_sizing.node_cap import RECLAIMED_CPU, RECLAIMED_MEMORY, Reclaimed
from hydatis_sizing.recommendation import Amounts

__all__ = ["shown_requests", "sizing_patch"]

Change = dict[str, Any]


def shown_requests(requests: Mapping[str, Amounts]) -> dict[str, dict[str, str]]:
    """Quantities by resource by container, without what is not set."""
    return {
        name: ({} if math.isnan(one.cpu_cores) else {"cpu": cpu_quantity(one.cpu_cores)})
        | ({} if math.isnan(one.memory_bytes) else {"memory": memory_quantity(one.memory_bytes)})
        for name, one in requests.items()
    }


def sizing_patch(pod: RunningPod, before: Mapping[str, Amounts], after: Mapping[str, Amounts], excess: Reclaimed) -> list[Change]:
    """Changes of the pod.

    Args:
        pod: as it is.
        before: the owner's requests by container.
        after: the new ones.
        excess: asked for as extended resources by the first container that is sized; limits of them must be the same.
    """
    was, will_be = shown_requests(before), shown_requests(after)
    changes: list[Change] = []
    first: int | None = None
    for index, container in enumerate(pod.containers):
        path = f"/spec/containers/{index}/resources/requests"
        changed = {name: amount for name, amount in will_be[container.name].items() if amount != was[container.name][name]}
        changes += [{"op": "replace", "path": f"{path}/{name}", "value": amount} for name, amount in changed.items()]
        first = index if first is None and changed else first
    if first is not None:
        changes += _caps(pod, first, excess)
    # the owner's own way of writing an amount is kept
    written = {
        container.name: {name: str(amount) for name, amount in _requests(container).items() if name in was[container.name]}
        for container in pod.containers
        if was[container.name]
    }
    changes += _added("/metadata/annotations", pod.metadata.annotations, {ORIGINAL_ANNOTATION: json.dumps(written, sort_keys=True)})
    return changes + _added("/metadata/labels", pod.metadata.labels, {RIGHT_SIZED_LABEL: "true"})


def _requests(container: Any) -> Mapping[str, Any]:
    return (container.resources.requests if container.resources else None) or {}


def _caps(pod: RunningPod, index: int, excess: Reclaimed) -> list[Change]:
    amounts = {RECLAIMED_CPU: excess.cpu_milli, RECLAIMED_MEMORY: excess.memory_mib}
    wanted = {name: str(amount) for name, amount in amounts.items() if amount}
    resources = pod.containers[index].resources
    path = f"/spec/containers/{index}/resources"
    requests, limits = (resources.requests, resources.limits) if resources else (None, None)
    return _added(f"{path}/requests", requests, wanted) + _added(f"{path}/limits", limits, wanted)


def _added(path: str, there: Mapping[str, Any] | None, more: Mapping[str, str]) -> list[Change]:
    """Members added to an object that may not be there."""
    if not more:
        return []
    if there is None:
        return [{"op": "add", "path": path, "value": dict(more)}]
    return [
        {"op": "add", "path": f"{path}/{name.replace('~', '~0').replace('/', '~1')}", "value": value}
        for name, value in more.items()
    ]
