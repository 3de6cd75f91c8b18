"""Replay: a trace is played against a cluster, a scheduler and a policy, in lock-step on event time.

Nothing here reads a clock: the next event is taken from a queue, so a month passes in minutes and the same inputs give the same
placements twice. What a policy may know reaches it through observers only, late by the scrape delay, as it would in a cluster.
"""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_features.usage import METRICS
from numpy.typing import NDArray

from hydatis_simulator.cluster import Cluster
from hydatis_simulator.kube_scheduler import EXTENDER_WEIGHT, KubeScheduler
from hydatis_simulator.outcomes import Outcome, Placement
from hydatis_simulator.physics import NodeLoad, settle
from hydatis_simulator.pod_usage import PodUsage, Wanted
from hydatis_simulator.policy import Policy
from hydatis_simulator.recorder import OutcomeRecorder
from hydatis_simulator.trace import Trace

__all__ = ["RESTART_SECONDS", "Progress", "ReplayObserver", "replay"]

#: How long a killed pod takes to come back on its node, using nothing meanwhile. An assumption: kubelet's back-off starts at 10 s
#: and ends at 5 min, and a service takes time to warm up.
RESTART_SECONDS = 300.0

#: Called with (ticks done, ticks in all, a few words); for progress bars.
Progress = Callable[[int, int, str], None]


class ReplayObserver(Protocol):
    """Sees what a cluster would show: nodes, metrics (late), bindings and ends."""

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """The cluster, once, before anything else."""
        ...

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        """The metrics that are visible at a tick.

        Args:
            tick_time_seconds: the tick, Unix seconds, a multiple of the tick length.
            sample_time_seconds: when they were taken: the tick less the scrape delay.
            node_usage: shape (nodes, 6), float32, columns of ``hydatis_features.usage.METRICS``; NaN: not measured.
            pod_uids: pods that ran at the sample time, in binding order.
            pod_usage: shape (pods, 2), float32, columns of ``POD_METRICS``; NaN: not measured.
        """
        ...

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        """A pod was bound."""
        ...

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        """A bound pod ended."""
        ...


def replay(
    trace: Trace,
    nodes: Sequence[Node],
    policy: Policy,
    observers: Sequence[ReplayObserver] = (),
    *,
    seed: int,
    tick_seconds: float = 300.0,
    scrape_delay_seconds: float = 15.0,
    until: float | None = None,
    extender_weight: int = EXTENDER_WEIGHT,
    progress: Progress | None = None,
) -> Outcome:
    """Plays a trace.

    Args:
        trace: the pods and what they use.
        nodes: the cluster; ``trace.nodes`` or one made by ``cluster_shape``.
        policy: what stands behind the extender.
        observers: told of everything a cluster shows, in this order.
        seed: of the scheduler's tie-breaks.
        tick_seconds: length of a tick, whole seconds >= 1.
        scrape_delay_seconds: age of the metrics when they are seen, >= 0.
        until: when to stop, Unix seconds; None: the end of the trace.
        extender_weight: weight of the extender in kube-scheduler's configuration, >= 1.
        progress: told after each tick.

    Raises:
        InvalidValue: no nodes, or a time or weight out of range.
        Duplicate: two nodes share a name.
        UnknownNode: the policy kept or scored a node it was not asked about.
    """
    if tick_seconds < 1 or tick_seconds != int(tick_seconds):
        raise InvalidValue(f"{tick_seconds!r} is not a tick", field="tick_seconds", expected="whole seconds >= 1")
    if not scrape_delay_seconds >= 0 or not math.isfinite(scrape_delay_seconds):
        raise InvalidValue(f"{scrape_delay_seconds!r} is not a delay", field="scrape_delay_seconds", expected="seconds >= 0")
    last = trace.end_seconds if until is None else until
    if not trace.start_seconds < last < math.inf:
        raise InvalidValue(f"the replay ends at {last!r}, the trace starts at {trace.start_seconds!r}", field="until")
    first_tick = math.ceil(trace.start_seconds / tick_seconds) * tick_seconds
    tick_times = [first_tick + tick_seconds * i for i in range(int((last - first_tick) // tick_seconds) + 1)]
    run = _Run(trace, nodes, policy, observers, seed=seed, tick_seconds=tick_seconds, extender_weight=extender_weight)
    for observer in observers:
        observer.on_nodes(run.cluster.nodes, tick_seconds, scrape_delay_seconds)
    run.play(tick_times, scrape_delay_seconds, last, progress)
    return run.outcome(seed)


class _Event(IntEnum):
    """What happens at a moment, in the order in which things of the same moment happen."""

    END = 0
    SCRAPE = 1
    TICK = 2
    ARRIVAL = 3


@dataclass(frozen=True, slots=True)
class _Metrics:
    """What a scrape saw."""

    time_seconds: float
    node_usage: NDArray[np.float32]
    pod_uids: list[str]
    pod_usage: NDArray[np.float32]


class _Run:
    """The moving parts of one replay."""

    def __init__(
        self,
        trace: Trace,
        nodes: Sequence[Node],
        policy: Policy,
        observers: Sequence[ReplayObserver],
        *,
        seed: int,
        tick_seconds: float,
        extender_weight: int,
    ) -> None:
        self.cluster = Cluster(nodes)
        self._trace = trace
        self._policy = policy
        self._observers = observers
        self._tick_seconds = tick_seconds
        self._scheduler = KubeScheduler(self.cluster, seed=seed, extender_weight=extender_weight)
        self._usage = PodUsage(trace)
        self._recorder = OutcomeRecorder(self.cluster, tick_seconds, memory_known=self._usage.memory_known)
        self._cpu_allocatable = self.cluster.cpu_allocatable_milli / 1000.0
        self._memory_allocatable = self.cluster.memory_allocatable_bytes.astype(np.float64)
        self._restarting_until = np.full(len(trace.pods), -math.inf)
        self._pending: list[tuple[int, int]] = []
        """(less the priority, row), in the order of kube-scheduler's queue."""
        self._arrived_count = 0
        self._events: list[tuple[float, int, int]] = []

    def play(self, tick_times: Sequence[float], delay: float, last: float, progress: Progress | None) -> None:
        self._events = [(time - delay, _Event.SCRAPE, i) for i, time in enumerate(tick_times)]
        self._events += [(time, _Event.TICK, i) for i, time in enumerate(tick_times)]
        self._events += [(p.arrival_seconds, _Event.ARRIVAL, row) for row, p in enumerate(self._trace.pods)]
        heapq.heapify(self._events)
        scraped: dict[int, _Metrics] = {}
        while self._events and self._events[0][0] <= last:
            time, event, index = heapq.heappop(self._events)
            if event == _Event.END:
                self._end(index, time)
            elif event == _Event.SCRAPE:
                scraped[index] = self._scrape(time)
            elif event == _Event.TICK:
                self._tick(time, scraped.pop(index))
                if progress is not None:
                    waiting = f"{len(self._pending)} pods wait" if self._pending else ""
                    progress(index + 1, len(tick_times), f"{self._recorder.placed_count} pods placed {waiting}".rstrip())
            else:
                self._arrive(index, time)

    def outcome(self, seed: int) -> Outcome:
        pending = [self._trace.pods[row].pod.uid for _, row in self._pending]
        return self._recorder.finish(
            self._trace, policy=self._policy.name, seed=seed, pods_count=self._arrived_count, pending_uids=pending
        )

    def _end(self, row: int, time: float) -> None:
        uid = self._trace.pods[row].pod.uid
        bound = self.cluster.end(uid)
        if bound is not None:
            for observer in self._observers:
                observer.on_end(uid, str(self.cluster.names[bound.node_row]), time)

    def _scrape(self, time: float) -> _Metrics:
        cluster = self.cluster
        uids = list(cluster.bound)
        rows = np.fromiter((self._trace.row_by_uid[uid] for uid in uids), dtype=np.intp, count=len(uids))
        node_rows = np.fromiter((bound.node_row for bound in cluster.bound.values()), dtype=np.intp, count=len(uids))
        wanted = self._usage.at(rows, time)
        # A sample stands for the tick before it, so the one at the very end of a restart still counts as restarting.
        restarting = self._restarting_until[rows] >= time
        load = settle(
            node_rows=node_rows,
            cpu_cores=np.where(restarting, 0.0, wanted.cpu_cores),
            memory_bytes=np.where(restarting, 0.0, wanted.memory_bytes),
            memory_requested_bytes=self._usage.memory_requested_bytes[rows],
            cpu_allocatable_cores=self._cpu_allocatable,
            memory_allocatable_bytes=self._memory_allocatable,
        )
        self._restarting_until[rows[load.killed]] = time + RESTART_SECONDS
        self._recorder.sample(time, load, held_count=wanted.held_count, restarting_cores=float(wanted.cpu_cores[restarting].sum()))
        pod_usage = np.column_stack([load.pod_cpu_used_cores, load.pod_memory_used_bytes]).astype(np.float32)
        pod_usage[~wanted.known] = np.nan
        return _Metrics(time, self._node_usage(node_rows, load, wanted), uids, pod_usage)

    def _node_usage(self, node_rows: NDArray[np.intp], load: NodeLoad, wanted: Wanted) -> NDArray[np.float32]:
        usage = np.full((len(self.cluster.nodes), len(METRICS)), np.nan, dtype=np.float32)
        usage[:, 0] = load.cpu_used_cores
        if self._usage.memory_known:
            usage[:, 1] = load.memory_used_bytes
        if self._trace.io is not None:
            for column, rates in enumerate(wanted.io.T, start=2):
                usage[:, column] = np.bincount(node_rows, weights=np.nan_to_num(rates), minlength=len(usage))
        return usage

    def _tick(self, time: float, metrics: _Metrics) -> None:
        for observer in self._observers:
            observer.on_tick(time, metrics.time_seconds, metrics.node_usage, metrics.pod_uids, metrics.pod_usage)
        waiting, self._pending = self._pending, []
        for entry in waiting:
            if self._trace.pods[entry[1]].end_seconds <= time:
                self._recorder.expired()
            elif not self._place(entry[1], time):
                self._pending.append(entry)

    def _arrive(self, row: int, time: float) -> None:
        self._arrived_count += 1
        if not self._place(row, time):
            bisect.insort(self._pending, (-self._trace.pods[row].pod.priority, row))

    def _place(self, row: int, time: float) -> bool:
        trace_pod = self._trace.pods[row]
        choice = self._scheduler.choose(trace_pod.pod, self._policy, time, trace_pod.gpu_models)
        if choice.feasible_count:
            self._recorder.decided(abstained=choice.abstained)
        if choice.node_row is None:
            return False
        self.cluster.bind(trace_pod.pod, choice.node_row, time, trace_pod.gpu_models)
        self._usage.start(row, time)
        if math.isfinite(trace_pod.end_seconds):
            heapq.heappush(self._events, (trace_pod.end_seconds, _Event.END, row))
        name = str(self.cluster.names[choice.node_row])
        self._recorder.bound(Placement(trace_pod.pod.uid, name, time), time - trace_pod.arrival_seconds)
        for observer in self._observers:
            observer.on_bind(trace_pod.pod, name, time)
        return True
