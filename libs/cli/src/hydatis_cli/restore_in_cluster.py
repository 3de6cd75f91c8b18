"""All right-sized pods that run are resized back to what their owners asked for, where they are.

Everything that is needed stands on the pods: no service of ours has to live, and whoever is interrupted begins again where it was.
The cluster is listed, every pod that asks for less is resized, and that again until each of them is granted what it asks for or is
plain not to be.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec
from hydatis_core.errors import DependencyUnavailable, HydatisError, InvalidValue
from hydatis_serving.kube.api import KubernetesApi, Reply
from hydatis_serving.kube.resizing import RIGHT_SIZED_LABEL, ContainerRequests, has_resize, original_requests, resize_pod, way_back
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod, resize_state

__all__ = ["WHY_NOT", "NotRestored", "Restored", "restore"]

#: Code -> why a pod does not ask for, or have, what its owner asked for.
WHY_NOT: dict[str, str] = {
    "no-original": f"it has the label {RIGHT_SIZED_LABEL}, but not the annotation of what its owner asked for",
    "unreadable": "the annotation of what its owner asked for cannot be meant",
    "no-resize": "the API server does not resize pods in place (Kubernetes 1.33 and later do)",
    "restart": "its owner wants a container restarted when it is resized",
    "refused": "the API server refuses it",
    "deferred": "its node has no room now; kubelet goes on trying",
    "infeasible": "its node can never give it that",
    "unanswered": "its kubelet has not said anything yet",
}
#: Codes that more waiting may change.
_OPEN = frozenset({"deferred", "unanswered"})
#: Calls at a time: as many as the client keeps connections for on a small machine.
AT_ONCE = 8
PAGE_COUNT = 500
PAUSE_SECONDS = 1.0
LIST_SECONDS = 60.0
#: A call whose answer is "changed meanwhile" or "not now" is made again next round.
_AGAIN = frozenset({404, 409, 429, 500, 503, 504})
MOST_TRIES = 10


class _Metadata(msgspec.Struct, frozen=True):
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]
    metadata: _Metadata = _Metadata()


_LIST = msgspec.json.Decoder(_List)


@dataclass(frozen=True, slots=True)
class NotRestored:
    """A pod that is not as its owner asked for."""

    namespace: str
    pod: str
    code: str
    """Of ``WHY_NOT``."""
    detail: str = ""
    """What was said of it."""


@dataclass(slots=True)
class Restored:
    """What came of it."""

    sized_count: int = 0
    """Pods that carry the mark of a sized pod."""
    resized_count: int = 0
    """Resizes asked for now; the others asked for their owners' requests already."""
    not_restored: list[NotRestored] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def restored_count(self) -> int:
        """Pods that have what their owners asked for."""
        return self.sized_count - len(self.not_restored)

    @property
    def causes(self) -> Counter[str]:
        """How many pods are not restored, by code."""
        return Counter(one.code for one in self.not_restored)


def restore(
    api: KubernetesApi, most_per_second: float, wait_seconds: float, report: Callable[[int, int, str], None] = lambda *_: None
) -> Restored:
    """Resizes back and waits for kubelets.

    Args:
        api: the API server.
        most_per_second: calls that change a pod, > 0.
        wait_seconds: how long kubelets are given once all was asked for.
        report: told (restored, of how many, what goes on).

    Raises:
        DependencyUnavailable: there is no API server, or it may not be asked.
    """
    begin = asked_at = time.monotonic()
    done, can_resize, pace = Restored(), has_resize(api), _Pace(most_per_second)
    refusals: dict[str, str] = {}
    tries: Counter[str] = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            pods = list(_sized_pods(api))
            lower = [(pod, _gentle(pod)) for pod in pods if can_resize and pod.metadata.uid not in refusals]
            to_ask = [(pod, back) for pod, back in lower if back]
            for index, (pod, reply) in enumerate(pool.map(lambda one: _asked(api, pace, *one), to_ask), 1):
                tries[pod.metadata.uid] += 1
                if not reply.ok and (reply.status not in _AGAIN or tries[pod.metadata.uid] >= MOST_TRIES):
                    refusals[pod.metadata.uid] = reply.why
                done.resized_count += reply.ok
                report(len(pods) - len(to_ask) + index, len(pods), "asked for")
            if to_ask:
                asked_at = time.monotonic()
            else:
                done.sized_count = len(pods)
                done.not_restored = [found for pod in pods if (found := _judged(pod, refusals, can_resize=can_resize))]
                report(done.restored_count, len(pods), "granted")
                if not done.causes.keys() & _OPEN or time.monotonic() - asked_at > wait_seconds:
                    break
            time.sleep(PAUSE_SECONDS)
    done.seconds = time.monotonic() - begin
    return done


def _asked(api: KubernetesApi, pace: _Pace, pod: RunningPod, back: ContainerRequests) -> tuple[RunningPod, Reply]:
    pace.wait()
    try:
        return pod, resize_pod(api, pod, back)
    except DependencyUnavailable as failure:  # the next list says whether there is an API server at all
        return pod, Reply(503, json.dumps({"message": str(failure)}).encode())


def _sized_pods(api: KubernetesApi) -> Iterator[RunningPod]:
    """Pods that carry the mark and have not ended, those that are being deleted left out."""
    next_page = ""
    while True:
        query = {
            "labelSelector": f"{RIGHT_SIZED_LABEL}=true",
            "fieldSelector": "status.phase!=Succeeded,status.phase!=Failed",
            "limit": str(PAGE_COUNT),
        }
        with api.get("/api/v1/pods", query | ({"continue": next_page} if next_page else {}), LIST_SECONDS) as answer:
            page = _LIST.decode(answer.read())
        for text in page.items:
            pod = read_running_pod(text)
            if pod.metadata.deletion_timestamp is None:
                yield pod
        next_page = page.metadata.continue_
        if not next_page:
            return


def _gentle(pod: RunningPod) -> ContainerRequests:
    """The way back as far as nothing is restarted for it."""
    try:
        back = way_back(pod)
    except InvalidValue:
        return {}
    restarted = {container.name: container.restarts_for for container in pod.containers}
    kept = {
        name: {one: quantity for one, quantity in amounts.items() if not restarted[name](one)} for name, amounts in back.items()
    }
    return {name: amounts for name, amounts in kept.items() if amounts}


def _judged(pod: RunningPod, refusals: dict[str, str], *, can_resize: bool) -> NotRestored | None:
    """Why a pod is not restored; None: it is."""
    code = detail = ""
    try:
        back, state = way_back(pod), resize_state(pod)
        if original_requests(pod) is None:
            code = "no-original"
        elif back and not can_resize:
            code = "no-resize"
        elif back and pod.metadata.uid in refusals:
            code, detail = "refused", refusals[pod.metadata.uid]
        elif back:
            code, detail = "restart", ", ".join(back)
        elif state != "settled" and pod.spec.node_name:
            pending = pod.condition("PodResizePending")
            code, detail = "unanswered" if state == "under_way" else state, pending.message if pending else ""
    except HydatisError as wrong:
        code, detail = "unreadable", str(wrong)
    return NotRestored(pod.metadata.namespace, pod.metadata.name, code, detail) if code else None


class _Pace:
    """Spreads calls of several threads evenly."""

    def __init__(self, most_per_second: float) -> None:
        self._gap_seconds = 1.0 / most_per_second
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the next call may begin."""
        with self._lock:
            mine = max(self._next, time.monotonic())
            self._next = mine + self._gap_seconds
        time.sleep(max(mine - time.monotonic(), 0.0))
