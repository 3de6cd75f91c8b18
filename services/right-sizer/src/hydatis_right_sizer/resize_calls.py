"""The three calls that change a running pod, and what becomes of each: counted, recorded, and not repeated at once when refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial

import msgspec
from hydatis_core.quantities import cpu_quantity, memory_quantity
from hydatis_serving.kube.api import KubernetesApi, Reply
from hydatis_serving.kube.resizing import (
    ORIGINAL_ANNOTATION,
    RIGHT_SIZED_LABEL,
    ContainerRequests,
    original_requests,
    patch_pod,
    resize_pod,
    way_back,
)
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod
from hydatis_sizing.recommendation import Amounts

from hydatis_right_sizer.audit import Audit, ObjectReference
from hydatis_right_sizer.resize_metrics import ResizeMetrics
from hydatis_right_sizer.resize_plan import Change
from hydatis_right_sizer.resize_record import RESIZE_ANNOTATION, ResizeRecord

__all__ = ["ResizeCalls"]

#: A pod whose change was refused is left alone for so long: a quota, a policy or a node does not change in a second.
AGAIN_SECONDS = 300.0
CONFLICT = 409
GONE = 404
LABELS = {RIGHT_SIZED_LABEL: "true"}


class ResizeCalls:
    """Changes running pods. Every call is made for the version of the pod that was judged: of two leaders one gets a conflict.

    Args:
        api: the API server.
        audit: where it is recorded.
        metrics: where it is counted.
    """

    def __init__(self, api: KubernetesApi, audit: Audit, metrics: ResizeMetrics) -> None:
        self._api = api
        self._audit = audit
        self._metrics = metrics
        self._refused_at: dict[str, float] = {}

    def may_try(self, pod: RunningPod, now_seconds: float) -> bool:
        """Whether nothing was refused of this pod lately."""
        return now_seconds - self._refused_at.get(pod.metadata.uid, -AGAIN_SECONDS) >= AGAIN_SECONDS

    async def announce(self, change: Change, now_seconds: float) -> None:
        """Writes down what the pod's owner asked for and what it will be asked to do with; changes no request."""
        pod = change.pod
        record = ResizeRecord.of(pod, change.requests, _quantities(change.taken), now_seconds)
        annotations: dict[str, str | None] = {RESIZE_ANNOTATION: record.written()}
        if original_requests(pod) is None:
            annotations[ORIGINAL_ANNOTATION] = json.dumps(_written(pod))
        await self._done(pod, "announced", partial(patch_pod, self._api, pod, annotations, LABELS), now_seconds)

    async def call_off(self, pod: RunningPod, record: ResizeRecord, why: str, now_seconds: float) -> None:
        """Takes back what was announced: it counts on the node no more."""
        note = {RESIZE_ANNOTATION: msgspec.structs.replace(record, reason=why, taken={}).written()}
        await self._done(pod, "called_off", partial(patch_pod, self._api, pod, note), now_seconds)

    async def resize(self, pod: RunningPod, record: ResizeRecord, now_seconds: float) -> None:
        """Asks for what was announced."""
        if await self._done(pod, "resized", partial(resize_pod, self._api, pod, record.requests), now_seconds) is not None:
            self._audit.record("PodResized", _reference(pod), "its use allows it", _written(pod), record.requests)

    async def give_back(self, pod: RunningPod, why: str, now_seconds: float) -> None:
        """Asks for what the pod's owner did.

        Raises:
            InvalidValue: the annotation cannot be meant.
        """
        back = way_back(pod)
        note = {RESIZE_ANNOTATION: ResizeRecord.of(pod, back, {}, now_seconds, why).written()}
        noted = await self._done(pod, "", partial(patch_pod, self._api, pod, note), now_seconds)
        if noted is not None and await self._done(noted, "given_back", partial(resize_pod, self._api, noted, back), now_seconds):
            self._audit.record("PodRestored", _reference(pod), why, _written(pod), back)

    async def _done(self, pod: RunningPod, result: str, call: Callable[[], Reply], now_seconds: float) -> RunningPod | None:
        """Makes a call and judges its answer: the pod as it is then; None: it was not done."""
        reply = await asyncio.to_thread(call)
        if reply.ok:
            if result:
                self._metrics.resizes.labels(result).inc()
            return read_running_pod(reply.body)
        if reply.status in (CONFLICT, GONE):  # the next look sees what changed
            self._metrics.resizes.labels("conflict").inc()
            return None
        self._metrics.resizes.labels("refused").inc()
        self._refused_at = {uid: at for uid, at in self._refused_at.items() if now_seconds - at < AGAIN_SECONDS}
        self._refused_at[pod.metadata.uid] = now_seconds
        self._audit.record("ResizeRefused", _reference(pod), reply.why, warning=True)
        return None


def _reference(pod: RunningPod) -> ObjectReference:
    return ObjectReference("Pod", pod.metadata.name, pod.metadata.namespace, pod.metadata.uid)


def _written(pod: RunningPod) -> ContainerRequests:
    """What the pod asks for, as it is written."""
    asked = {container.name: container.resources.requests if container.resources else None for container in pod.containers}
    return {
        name: {one: str(requests[one]) for one in ("cpu", "memory") if one in requests}
        for name, requests in asked.items()
        if requests
    }


def _quantities(amounts: Amounts) -> dict[str, str]:
    written = {"cpu": cpu_quantity(amounts.cpu_cores), "memory": memory_quantity(amounts.memory_bytes)}
    return {name: quantity for name, quantity in written.items() if quantity != "0"}
