"""Who is bound where.

Watches repeat themselves and cross each other, so every event is idempotent by the pod's uid: a bind that is known, an end of an
unknown pod, a bind older than the pod's end change nothing. Sums are taken over whole micro-cores and bytes, which float64 adds
exactly: they depend neither on the order of events nor on who restarted when.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, UnknownNode
from hydatis_core.event_time import HOUR_SECONDS
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_features.expected_use import ExpectedUse
from hydatis_features.gpu_demand import GpuDemandSums
from hydatis_features.gpu_shares import GpuShares, gpu_milli
from hydatis_features.recent_events import RecentEvents

__all__ = ["AMOUNTS", "BoundPod", "ClusterState", "check_time"]

#: Columns of ``ClusterState.sums``. A limit counts as the request where it is absent or smaller.
AMOUNTS = ("cpu_requested_cores", "memory_requested_bytes", "cpu_limit_cores", "memory_limit_bytes", "gpu_requested_devices")
EVENT_SPAN_SECONDS = 900.0
#: How long the end of a pod is remembered, event time: a bind that comes later than that after its end is taken for a new one.
ENDED_MEMORY_SECONDS = HOUR_SECONDS
#: Amounts are counted in these units; larger ones than 2^50 units (10^9 cores, 1 PiB) count as 2^50.
_UNITS = np.array([1e-6, 1.0, 1e-6, 1.0, 1e-3])
_MOST_UNITS = float(2**50)


@dataclass(frozen=True, slots=True)
class BoundPod:
    """A pod and where it is."""

    pod: Pod
    node_name: str
    bind_time_seconds: float
    """Event time, Unix seconds."""
    expected: ExpectedUse
    """What it was expected to use when it was bound."""
    slot: int
    """Its position in the columns of the state; given to another pod after its end."""
    gpu_positions: tuple[int, ...] = ()
    """Positions of the devices it has a share of."""


class ClusterState:
    """Nodes and the pods bound to them.

    Args:
        nodes: in row order.

    Raises:
        Duplicate: a name stands twice.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._set_nodes(nodes)
        self._bound: dict[str, BoundPod] = {}
        self._slots: dict[str, int] = {}
        self._ended: dict[str, float] = {}
        self._free_slots: list[int] = []
        #: shape (slots,): row of the pod's node, -1 for a free slot; and the pod's bind time.
        self.node_rows = np.full(0, -1, dtype=np.intp)
        self.bind_seconds = np.zeros(0)
        self._units = np.zeros((0, len(AMOUNTS)))
        self.started = RecentEvents(EVENT_SPAN_SECONDS)
        self.stopped = RecentEvents(EVENT_SPAN_SECONDS)
        #: Every bind of a GPU pod since the start, also of pods that ended: most live for minutes, and the next ones will be alike.
        self.gpu_demand = GpuDemandSums()

    def bind(self, pod: Pod, node_name: str, time_seconds: float, expected: ExpectedUse) -> bool:
        """Records that a pod was bound. False: it is bound already, or ended at or after that time; nothing changed.

        Raises:
            UnknownNode: the state has no such node.
            InvalidValue: the time is not one.
        """
        row = self.node_index.get(node_name)
        if row is None:
            raise UnknownNode(f"node {node_name!r} is not in the cluster", field="node_name")
        check_time(time_seconds)
        if pod.uid in self._bound or self._ended.get(pod.uid, -math.inf) >= time_seconds:
            return False
        gpus = self.gpus.take(row, pod.requests.gpu_count, gpu_milli(pod)) if pod.requests.gpu_count else ()
        self._place(BoundPod(pod, node_name, time_seconds, expected, self._take_slot(), gpus), row)
        self.gpu_demand.add_pod(pod)
        self.started.add(time_seconds, row)
        return True

    def end(self, uid: str, time_seconds: float) -> bool:
        """Records that a pod ended. False: it is not bound (the end is remembered, in case its bind comes late).

        Raises:
            InvalidValue: the time is not one.
        """
        check_time(time_seconds)
        self._ended[uid] = max(time_seconds, self._ended.get(uid, -math.inf))
        bound = self._bound.get(uid)
        if bound is None:
            return False
        self.stopped.add(time_seconds, int(self.node_rows[bound.slot]))
        self._release(bound)
        return True

    def pod(self, uid: str) -> BoundPod | None:
        """A bound pod, or None."""
        return self._bound.get(uid)

    def bound_pods(self) -> list[BoundPod]:
        """All bound pods, in the order they were bound."""
        return list(self._bound.values())

    def slots_of(self, uids: Sequence[str]) -> NDArray[np.intp]:
        """Slots of pods, shape (len(uids),); -1: not bound."""
        return np.fromiter(map(self._slots.get, uids, repeat(-1)), dtype=np.intp, count=len(uids))

    def sums(self) -> NDArray[np.float64]:
        """Sum over the bound pods of each node, shape (nodes, 5), columns ``AMOUNTS``."""
        held = self.node_rows >= 0
        rows, units = self.node_rows[held], self._units[held]
        count = len(self.nodes)
        sums = [np.bincount(rows, units[:, i], minlength=count) for i in range(len(AMOUNTS))]
        return np.asarray(np.stack(sums, axis=1) * _UNITS)

    def pod_counts(self, bound_until_seconds: float = math.inf) -> NDArray[np.int64]:
        """Bound pods of each node, shape (nodes,), of those bound at or before a time."""
        held = (self.node_rows >= 0) & (self.bind_seconds <= bound_until_seconds)
        return np.bincount(self.node_rows[held], minlength=len(self.nodes))

    def forget_before(self, now_seconds: float) -> None:
        """Drops events and ended uids too old to matter."""
        self.started.forget_before(now_seconds)
        self.stopped.forget_before(now_seconds)
        self._ended = {uid: time for uid, time in self._ended.items() if time > now_seconds - ENDED_MEMORY_SECONDS}

    def replace_nodes(self, nodes: Sequence[Node]) -> list[str]:
        """Sets the nodes anew. Pods of nodes that stay stay; returns the uids of those that went with their node.

        Raises:
            Duplicate: a name stands twice; nothing changed.
        """
        old = self.nodes
        self._set_nodes(nodes)
        new_rows = [self.node_index.get(node.name, -1) for node in old]
        gone = [uid for uid, bound in self._bound.items() if bound.node_name not in self.node_index]
        for uid in gone:
            self._clear_slot(self._bound.pop(uid))
        held = np.flatnonzero(self.node_rows >= 0)
        self.node_rows[held] = np.array(new_rows, dtype=np.intp)[self.node_rows[held]]
        for bound in self._bound.values():
            if bound.pod.requests.gpu_count:
                self._move_gpus(bound)
        self.started.renumber(new_rows)
        self.stopped.renumber(new_rows)
        return gone

    def restore_slots(self, bound: Sequence[BoundPod], free_slots: Sequence[int], ended: dict[str, float]) -> None:
        """Takes over the pods of a snapshot into an empty state, each at the slot it had."""
        self._ensure_slots(len(bound) + len(free_slots))
        self._free_slots = list(free_slots)
        self._ended = dict(ended)
        for one in bound:
            row = self.node_index[one.node_name]
            self.gpus.retake(row, one.gpu_positions, gpu_milli(one.pod))
            self._place(one, row)

    def bookkeeping(self) -> tuple[list[int], dict[str, float]]:
        """Free slots in the order they will be given, and the ended uids with their time: for a snapshot."""
        return list(self._free_slots), dict(self._ended)

    def _set_nodes(self, nodes: Sequence[Node]) -> None:
        index = {node.name: row for row, node in enumerate(nodes)}
        if len(index) != len(nodes):
            raise Duplicate("a node stands twice", field="nodes", expected="names without repeats")
        self.nodes = tuple(nodes)
        self.node_index = index
        self.gpus = GpuShares(self.nodes)

    def _place(self, bound: BoundPod, row: int) -> None:
        self._bound[bound.pod.uid] = bound
        self._slots[bound.pod.uid] = bound.slot
        self.node_rows[bound.slot] = row
        self.bind_seconds[bound.slot] = bound.bind_time_seconds
        self._units[bound.slot] = _units_of(bound.pod)

    def _release(self, bound: BoundPod) -> None:
        del self._bound[bound.pod.uid]
        self.gpus.retake(int(self.node_rows[bound.slot]), bound.gpu_positions, -gpu_milli(bound.pod))
        self._clear_slot(bound)

    def _clear_slot(self, bound: BoundPod) -> None:
        del self._slots[bound.pod.uid]
        self.node_rows[bound.slot] = -1
        self._units[bound.slot] = 0
        self._free_slots.append(bound.slot)

    def _move_gpus(self, bound: BoundPod) -> None:
        """Takes the pod's devices again after the nodes were set anew: the same ones where they still exist."""
        row = self.node_index[bound.node_name]
        positions = bound.gpu_positions
        if all(position < self.gpus.device_counts[row] for position in positions):
            self.gpus.retake(row, positions, gpu_milli(bound.pod))
        else:
            positions = self.gpus.take(row, bound.pod.requests.gpu_count, gpu_milli(bound.pod))
        self._bound[bound.pod.uid] = BoundPod(
            bound.pod, bound.node_name, bound.bind_time_seconds, bound.expected, bound.slot, positions
        )

    def _take_slot(self) -> int:
        if not self._free_slots:
            have = len(self.node_rows)
            self._ensure_slots(max(64, 2 * have))
            self._free_slots = list(range(len(self.node_rows) - 1, have - 1, -1))
        return self._free_slots.pop()

    def _ensure_slots(self, needed: int) -> None:
        extra = max(needed - len(self.node_rows), 0)
        self.node_rows = np.concatenate([self.node_rows, np.full(extra, -1, dtype=np.intp)])
        self.bind_seconds = np.concatenate([self.bind_seconds, np.zeros(extra)])
        self._units = np.concatenate([self._units, np.zeros((extra, len(AMOUNTS)))])


def _units_of(pod: Pod) -> list[float]:
    asked, most = pod.requests, pod.limits
    amounts = (
        asked.cpu_cores,
        asked.memory_bytes,
        max(most.cpu_cores, asked.cpu_cores),
        max(most.memory_bytes, asked.memory_bytes),
        asked.gpu_count * gpu_milli(pod) / 1000,
    )
    return [min(float(round(amount / unit)), _MOST_UNITS) for amount, unit in zip(amounts, _UNITS.tolist(), strict=True)]


def check_time(time_seconds: float) -> None:
    """Refuses what is not a time.

    Raises:
        InvalidValue: not finite, or negative.
    """
    if not math.isfinite(time_seconds) or time_seconds < 0:
        raise InvalidValue(f"{time_seconds!r} is not a time", field="time_seconds", expected="Unix seconds >= 0")
