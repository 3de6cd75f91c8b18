"""What was done to a running pod last, kept on the pod: whoever leads next goes on from there, as does who counts what was taken.

The record is written before the resize, so between the two a pod says that it is about to ask for less than it does. For the node's
cap it counts as if it had: room is made before it is needed. A record whose resize does not come is taken back after a while.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from hydatis_core.errors import HydatisError
from hydatis_core.quantities import parse_quantity
from hydatis_serving.kube.resizing import ContainerRequests, original_requests
from hydatis_serving.kube.running_pods import RunningPod, requests_of
from hydatis_sizing.node_cap import RECLAIMED_CPU, RECLAIMED_MEMORY, Reclaimed, excess
from hydatis_sizing.recommendation import Amounts

from hydatis_right_sizer.objects import amounts_of

__all__ = [
    "INTENT_SECONDS",
    "RESIZE_ANNOTATION",
    "Requests",
    "ResizeRecord",
    "given_up",
    "held_by",
    "in_place_excess",
    "is_announced",
    "parsed",
    "record_of",
    "requests_now",
]

RESIZE_ANNOTATION = "hydatis.io/resize"
#: How long a record may be without its resize: that comes within seconds, once the node advertises that much less.
INTENT_SECONDS = 120.0
#: Cores and bytes by resource by container.
Requests = Mapping[str, Mapping[str, float]]


class ResizeRecord(msgspec.Struct, frozen=True, rename="camel"):
    """The last resize of a pod."""

    at: datetime
    """When it was about to be asked for."""
    requests: dict[str, dict[str, str]]
    """What was asked for: quantities by resource by container."""
    taken: dict[str, str] = {}
    """What the pod gave up by it; nothing where it was given back."""
    restarts: dict[str, int] = {}
    """Restarts of its containers until then."""
    reason: str = ""
    """Why it was resized back, or is not resized after all; empty: it asks for these requests, or will."""

    @property
    def at_seconds(self) -> float:
        """Unix seconds."""
        return self.at.timestamp()

    @property
    def taken_amounts(self) -> Amounts:
        """``taken``, in cores and bytes."""
        amounts = amounts_of(dict(self.taken))
        return Amounts(amounts.get("cpu", 0.0), amounts.get("memory", 0.0))

    def written(self) -> str:
        """As the annotation has it."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def of(
        cls, pod: RunningPod, requests: ContainerRequests, taken: Mapping[str, str], now_seconds: float, reason: str = ""
    ) -> ResizeRecord:
        """A record of what is about to be asked for."""
        at = datetime.fromtimestamp(now_seconds, UTC).replace(microsecond=0)
        restarts = {status.name: status.restart_count for status in pod.status.container_statuses or ()}
        return cls(at, {name: dict(amounts) for name, amounts in requests.items()}, dict(taken), restarts, reason)


_RECORD = msgspec.json.Decoder(ResizeRecord)


def record_of(pod: RunningPod) -> ResizeRecord | None:
    """The pod's record; None: it has none, or one that cannot be read (it was changed by hand)."""
    text = pod.annotations.get(RESIZE_ANNOTATION)
    return None if text is None else _read(text)


@lru_cache(maxsize=65_536)  # read in every turn, and the same for the pods of a wave
def _read(text: str) -> ResizeRecord | None:
    try:
        return _RECORD.decode(text)
    except msgspec.MsgspecError:
        return None


def requests_now(pod: RunningPod) -> dict[str, dict[str, float]]:
    """What each container asks for: cores and bytes by resource.

    Raises:
        InvalidValue: an amount is not a quantity.
    """
    return {container.name: requests_of(container.resources) for container in pod.containers}


def given_up(was: ContainerRequests, asked: Requests, pod: RunningPod) -> Reclaimed:
    """What the pod gives up with these requests, beyond what it asks for as extended resources.

    Raises:
        InvalidValue: an amount is not a quantity.
    """
    pairs = ((_amounts(parsed(was).get(name, {})), _amounts(amounts)) for name, amounts in asked.items())
    return excess(pairs).less(held_by(pod))


def held_by(pod: RunningPod) -> Reclaimed:
    """What the pod asks for as extended resources of the cap."""
    asked = [amounts_of(container.resources.requests if container.resources else None) for container in pod.containers]
    return Reclaimed(*(round(sum(amounts.get(name, 0.0) for amounts in asked)) for name in (RECLAIMED_CPU, RECLAIMED_MEMORY)))


def in_place_excess(pod: RunningPod) -> Reclaimed:
    """What a pod gives up, or is about to, beyond what it asks for as extended resources: what its node must not advertise.

    A pod whose annotation cannot be read counts as one that gives up nothing.
    """
    try:
        asked, record = requests_now(pod), record_of(pod)
        if record is not None and not record.reason:
            asked = _lower(asked, parsed(record.requests))
        return given_up(original_requests(pod) or {}, asked, pod)
    except HydatisError:
        return Reclaimed()


def is_announced(pod: RunningPod, record: ResizeRecord) -> bool:
    """Whether the pod does not ask yet for what its record says.

    Raises:
        InvalidValue: an amount is not a quantity.
    """
    now, meant = requests_now(pod), parsed(record.requests)
    return any(now.get(name, {}).get(one) != amount for name, amounts in meant.items() for one, amount in amounts.items())


def parsed(requests: ContainerRequests) -> dict[str, dict[str, float]]:
    """Quantities as cores and bytes.

    Raises:
        InvalidValue: one is none.
    """
    return {name: {one: parse_quantity(text, field=one) for one, text in amounts.items()} for name, amounts in requests.items()}


def _lower(asked: Requests, meant: Requests) -> dict[str, dict[str, float]]:
    return {
        name: {one: min(amount, meant.get(name, {}).get(one, amount)) for one, amount in amounts.items()}
        for name, amounts in asked.items()
    }


def _amounts(asked: Mapping[str, float]) -> Amounts:
    return Amounts(asked.get("cpu", math.nan), asked.get("memory", math.nan))
