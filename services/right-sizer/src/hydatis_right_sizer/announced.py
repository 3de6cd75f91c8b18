"""What becomes of announced resizes: asked for once their nodes made room, called off where nobody wants them any more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.running_pods import RunningPod, resize_state
from hydatis_sizing.node_cap import NodeCap, Reclaimed

from hydatis_right_sizer.resize_plan import Change, Wanted, change_of
from hydatis_right_sizer.resize_record import INTENT_SECONDS, ResizeRecord, is_announced, record_of

__all__ = ["Announced", "announced"]

#: What a node advertises reaches kube-scheduler within this; a pod bound before is seen by then.
SETTLING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Announced:
    """A pod that does not ask yet for what its record says."""

    pod: RunningPod
    record: ResizeRecord
    why_not: str
    """Why it is called off; empty: it is not."""
    may_go: bool
    """Whether it may be asked for now."""


def announced(
    pods: Iterable[RunningPod],
    wanted: Mapping[str, Wanted],
    caps: Mapping[str, NodeCap],
    advertised: Mapping[str, Reclaimed | None],
    now_seconds: float,
) -> list[Announced]:
    """All of them that run.

    Args:
        pods: of the cluster.
        wanted: by the pod's UID.
        caps: account of each node, announced resizes counted.
        advertised: what each node says now; None: nothing.
        now_seconds: Unix seconds.
    """
    found = []
    for pod in pods:
        record = record_of(pod)
        if record is None or record.reason or not pod.runs or not _is_announced(pod, record):
            continue
        is_wanted = wanted.get(pod.metadata.uid)
        change = change_of(is_wanted) if is_wanted is not None else None
        why_not, node = _why_not(pod, record, change, now_seconds), pod.spec.node_name
        has_room = change is not None and (change.gives_back or _has_room(caps.get(node), advertised.get(node)))
        may_go = not why_not and has_room and now_seconds - record.at_seconds >= SETTLING_SECONDS
        found.append(Announced(pod, record, why_not, may_go))
    return found


def _is_announced(pod: RunningPod, record: ResizeRecord) -> bool:
    try:
        return is_announced(pod, record)
    except HydatisError:  # somebody wrote what is no amount: nothing is asked for by it
        return False


def _why_not(pod: RunningPod, record: ResizeRecord, change: Change | None, now_seconds: float) -> str:
    if resize_state(pod) != "settled":
        return "another resize of it is under way"
    if change is None or change.requests != record.requests:
        return "it is wanted no more"
    return "its node did not make room in time" if now_seconds - record.at_seconds > INTENT_SECONDS else ""


def _has_room(cap: NodeCap | None, advertised: Reclaimed | None) -> bool:
    """Whether a node advertises no more than it should with what is announced, and holds no more than that.

    A pod that was bound before the node advertised less may have taken the room.
    """
    return cap is not None and advertised is not None and advertised.fits(cap.advertised) and cap.takes_in_place(Reclaimed())
