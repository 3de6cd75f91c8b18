"""Resizing a pod where it runs: the ``pods/resize`` subresource, and the annotation that keeps what its owner asked for.

The annotation is written before the first change and never changed after it: whoever finds a pod, now or after any crash, can put
it back. Only requests are changed. Limits are the owner's, and the API server itself refuses a change of the QoS class.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_core.quantities import parse_quantity

from hydatis_serving.kube.api import KubernetesApi, Reply
from hydatis_serving.kube.running_pods import RunningPod, requests_of

__all__ = [
    "ORIGINAL_ANNOTATION",
    "RIGHT_SIZED_LABEL",
    "ContainerRequests",
    "has_resize",
    "original_requests",
    "patch_pod",
    "resize_pod",
    "way_back",
]

ORIGINAL_ANNOTATION = "hydatis.io/original-requests"
RIGHT_SIZED_LABEL = "hydatis.io/right-sized"
#: Quantities by resource ("cpu", "memory") by container.
ContainerRequests = Mapping[str, Mapping[str, str]]
STRATEGIC_PATCH, MERGE_PATCH = "application/strategic-merge-patch+json", "application/merge-patch+json"
DISCOVERY_SECONDS = 10.0
_ORIGINAL = msgspec.json.Decoder(dict[str, dict[str, str]])


def has_resize(api: KubernetesApi) -> bool:
    """Whether the API server resizes pods in place: Kubernetes 1.33 and later, unless it is switched off.

    Raises:
        DependencyUnavailable: it cannot be asked.
    """
    with api.get("/api/v1", {}, DISCOVERY_SECONDS) as answer:
        resources = json.loads(answer.read())["resources"]
    return any(resource["name"] == "pods/resize" for resource in resources)


def original_requests(pod: RunningPod) -> ContainerRequests | None:
    """What the pod's owner asked for; None: it was never changed by us.

    Raises:
        InvalidValue: the annotation was changed by hand to what cannot be meant.
    """
    text = pod.annotations.get(ORIGINAL_ANNOTATION)
    return None if text is None else _original(text)


@lru_cache(maxsize=8192)  # the pods of a workload have the same
def _original(text: str) -> ContainerRequests:
    try:
        original = _ORIGINAL.decode(text)
    except msgspec.MsgspecError as wrong:
        expected = '{"container": {"cpu": "1", "memory": "2Gi"}}'
        raise InvalidValue(f"it is no JSON of requests: {wrong}", field=ORIGINAL_ANNOTATION, expected=expected) from None
    for name, requests in original.items():
        for resource, quantity in requests.items():
            parse_quantity(quantity, field=f"{ORIGINAL_ANNOTATION}: {name}.{resource}")
    return original


def way_back(pod: RunningPod) -> ContainerRequests:
    """The requests that differ from the original, as they were originally; empty: it asks for what its owner did.

    Containers that the annotation does not know are left as they are, and so is a resource that was not requested: a resize cannot
    take it away again, and we never add one.

    Raises:
        InvalidValue: the annotation cannot be meant.
    """
    original = original_requests(pod) or {}
    back: dict[str, dict[str, str]] = {}
    for container in pod.containers:
        now = requests_of(container.resources)
        was = original.get(container.name, {})
        changed = {name: was[name] for name in now if name in was and parse_quantity(was[name]) != now[name]}
        if changed:
            back[container.name] = changed
    return back


def resize_pod(api: KubernetesApi, pod: RunningPod, requests: ContainerRequests) -> Reply:
    """Asks for other requests; a pod that changed meanwhile is left alone (status 409).

    Raises:
        DependencyUnavailable: there is no API server.
    """
    containers = [{"name": name, "resources": {"requests": dict(amounts)}} for name, amounts in requests.items()]
    body = {"metadata": _exactly(pod), "spec": {"containers": containers}}
    return api.send("PATCH", f"{pod.path}/resize", json.dumps(body).encode(), STRATEGIC_PATCH)


def patch_pod(
    api: KubernetesApi, pod: RunningPod, annotations: Mapping[str, str | None], labels: Mapping[str, str] | None = None
) -> Reply:
    """Sets annotations (None: takes one away) and labels; a pod that changed meanwhile is left alone (status 409).

    Raises:
        DependencyUnavailable: there is no API server.
    """
    body = {"metadata": _exactly(pod) | {"annotations": dict(annotations)} | ({"labels": dict(labels)} if labels else {})}
    return api.send("PATCH", pod.path, json.dumps(body).encode(), MERGE_PATCH)


def _exactly(pod: RunningPod) -> dict[str, object]:
    return {"uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version}
