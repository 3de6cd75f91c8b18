"""An episode of placements: a trace played until a pod has to be placed, and on from the answer.

A replay calls its policy; learning needs it the other way round, stopping at each decision. The loop is therefore a generator, over
the same cluster, arithmetic and order of events as a replay.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Generator, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from hydatis_core.nodes import Node
from hydatis_features.usage import METRICS
from hydatis_placement.after_state import COLUMNS, after_states
from hydatis_placement.reward import PlacementCost, placement_costs
from numpy.typing import NDArray

from hydatis_simulator.cluster import Cluster
from hydatis_simulator.coming_use import ComingUse
from hydatis_simulator.kube_scheduler import KubeScheduler
from hydatis_simulator.learned_policy import DecisionState, Forecaster
from hydatis_simulator.physics import settle
from hydatis_simulator.pod_usage import PodUsage

__all__ = ["Decision", "Episode", "Timing"]

Matrix = NDArray[np.float32]

_STRANDED_CHANGE = COLUMNS.index("stranded_change_ratio")
_WAS_EMPTY = COLUMNS.index("node_was_empty")
_GPU_LOST = COLUMNS.index("gpu_lost_devices")


class Decision(NamedTuple):
    """A pod that waits for its node."""

    pod_uid: str
    time_seconds: float
    rows: NDArray[np.int32]
    """shape (candidates,), nodes the pod fits on."""
    after_states: Matrix
    """shape (candidates, columns)."""


class Timing(NamedTuple):
    """The clockwork of an episode."""

    tick_seconds: float
    """Length of a tick."""
    scrape_delay_seconds: float
    """Age of measurements when they are seen."""
    reward_interval_seconds: float
    """How far the reward looks ahead."""


class _Metrics(NamedTuple):
    """What a scrape saw, as ``ReplayObserver.on_tick`` takes it."""

    time_seconds: float
    node_usage: Matrix
    pod_uids: list[str]
    pod_usage: Matrix


class _Event(IntEnum):
    """What happens at a moment, in the order in which things of the same moment happen: as in a replay."""

    END = 0
    SCRAPE = 1
    TICK = 2
    ARRIVAL = 3


class Episode:
    """One trace being played.

    Args:
        coming: the trace, and what its pods will use.
        nodes: the cluster, empty at first.
        timing: the clockwork.
        forecaster: called once per tick.
        objective_weight: 0 (spread) to 1 (pack).
        seed: of where the sampling of nodes begins.
    """

    def __init__(
        self,
        coming: ComingUse,
        nodes: Sequence[Node],
        timing: Timing,
        *,
        forecaster: Forecaster,
        objective_weight: float,
        seed: int,
    ) -> None:
        self._coming = coming
        self._trace = trace = coming.trace
        self._timing = timing
        self._objective_weight = objective_weight
        self._cluster = Cluster(nodes)
        self._scheduler = KubeScheduler(self._cluster, seed=seed)
        self._usage = PodUsage(trace)
        self._state = DecisionState(forecaster)
        self._cpu_allocatable = self._cluster.cpu_allocatable_milli / 1000.0
        self._memory_allocatable = self._cluster.memory_allocatable_bytes.astype(np.float64)
        self._on_node: list[list[int]] = [[] for _ in nodes]
        self._events: list[tuple[float, int, int]] = []
        self._earned: PlacementCost | None = None
        self._costs: dict[int, PlacementCost] = {}
        self._play = self._decisions()

    def begin(self) -> Decision | None:
        """The first decision; None: there is none."""
        return next(self._play, None)

    def place(self, row: int) -> tuple[PlacementCost | None, Decision | None]:
        """Answers the waiting decision; returns what it earned (None: infeasible) and the next decision (None: the end)."""
        self._earned = None
        try:
            following = self._play.send(row)
        except StopIteration:
            return self._earned, None
        return self._earned, following

    def _decisions(self) -> Generator[Decision, int, None]:
        tick, delay, _ = self._timing
        trace = self._trace
        first = math.ceil(trace.start_seconds / tick) * tick
        times = [first + tick * i for i in range(int((trace.end_seconds - first) // tick) + 1)]
        self._events = [(time - delay, _Event.SCRAPE, i) for i, time in enumerate(times)]
        self._events += [(time, _Event.TICK, i) for i, time in enumerate(times)]
        self._events += [(pod.arrival_seconds, _Event.ARRIVAL, row) for row, pod in enumerate(trace.pods)]
        heapq.heapify(self._events)
        self._state.on_nodes(self._cluster.nodes, tick, delay)
        scraped: dict[int, _Metrics] = {}
        waiting: list[int] = []
        arrivals_left = len(trace.pods)
        while self._events and (arrivals_left or waiting) and self._events[0][0] <= trace.end_seconds:
            time, event, index = heapq.heappop(self._events)
            if event == _Event.END:
                self._end(index, time)
            elif event == _Event.SCRAPE:
                scraped[index] = self._scrape(time)
            elif event == _Event.TICK:
                self._state.on_tick(time, *scraped.pop(index))
                tried, waiting = waiting, []
                for row in tried:
                    if trace.pods[row].end_seconds > time and not (yield from self._try(row, time)):
                        waiting.append(row)
            else:
                arrivals_left -= 1
                if not (yield from self._try(index, time)):
                    waiting.append(index)

    def _try(self, pod_row: int, time: float) -> Generator[Decision, int, bool]:
        """Asks for a node if the pod fits on any; False: it goes on waiting."""
        trace_pod = self._trace.pods[pod_row]
        rows = self._scheduler.feasible_rows(trace_pod.pod, trace_pod.gpu_models)
        if not rows.size:
            return False
        decision = self._state.decision(trace_pod.pod, self._cluster.names[rows].tolist(), time)
        if decision is None:
            return False
        states = after_states(*decision, self._objective_weight)
        asked = Decision(trace_pod.pod.uid, time, decision.rows, states)
        self._costs.clear()
        chosen = yield asked
        position = np.flatnonzero(decision.rows == chosen)
        if not position.size:
            return False
        (self._earned,) = self.costs(asked, position.tolist())
        self._cluster.bind(trace_pod.pod, chosen, time, trace_pod.gpu_models)
        self._usage.start(pod_row, time)
        if math.isfinite(trace_pod.end_seconds):
            heapq.heappush(self._events, (trace_pod.end_seconds, _Event.END, pod_row))
        self._state.on_bind(trace_pod.pod, self._cluster.nodes[chosen].name, time)
        self._on_node[chosen].append(pod_row)
        return True

    def _end(self, pod_row: int, time: float) -> None:
        uid = self._trace.pods[pod_row].pod.uid
        bound = self._cluster.end(uid)
        if bound is not None:
            self._on_node[bound.node_row].remove(pod_row)
            self._state.on_end(uid, self._cluster.nodes[bound.node_row].name, time)

    def _scrape(self, time: float) -> _Metrics:
        """What a scrape sees. (Pods killed for memory are not restarted later here: the reward already counts what killed them.)"""
        uids = list(self._cluster.bound)
        rows = np.fromiter((self._trace.row_by_uid[uid] for uid in uids), dtype=np.intp, count=len(uids))
        node_rows = np.fromiter((bound.node_row for bound in self._cluster.bound.values()), dtype=np.intp, count=len(uids))
        wanted = self._usage.at(rows, time)
        settled = settle(
            node_rows=node_rows,
            cpu_cores=wanted.cpu_cores,
            memory_bytes=wanted.memory_bytes,
            memory_requested_bytes=self._usage.memory_requested_bytes[rows],
            cpu_allocatable_cores=self._cpu_allocatable,
            memory_allocatable_bytes=self._memory_allocatable,
        )
        node_usage = np.full((len(self._cluster.nodes), len(METRICS)), np.nan, dtype=np.float32)
        node_usage[:, 0] = settled.cpu_used_cores
        if self._usage.memory_known:
            node_usage[:, 1] = settled.memory_used_bytes
        pod_usage = np.column_stack([settled.pod_cpu_used_cores, settled.pod_memory_used_bytes]).astype(np.float32)
        pod_usage[~wanted.known] = np.nan
        return _Metrics(time, node_usage, uids, pod_usage)

    def costs(self, decision: Decision, positions: Sequence[int]) -> list[PlacementCost]:
        """What placing the waiting pod on some of its candidates would come to; each candidate is worked out once."""
        new = [position for position in dict.fromkeys(positions) if position not in self._costs]
        if new:
            self._costs.update(zip(new, self._read_ahead(decision, new), strict=True))
        return [self._costs[position] for position in positions]

    def _read_ahead(self, decision: Decision, positions: list[int]) -> list[PlacementCost]:
        pod_row = self._trace.row_by_uid[decision.pod_uid]
        rows, states = decision.rows[positions], decision.after_states[positions]
        first = self._trace.step_at(decision.time_seconds)
        last = self._trace.step_at(decision.time_seconds + self._timing.reward_interval_seconds) + 1
        cpu, memory = self._coming.together([[*self._on_node[row], pod_row] for row in rows], first, last)
        cpu_cores: Matrix = self._cpu_allocatable[rows].astype(np.float32)
        memory_bytes: Matrix = self._memory_allocatable[rows].astype(np.float32)
        return placement_costs(
            cpu=cpu / cpu_cores[:, None],
            memory=memory / memory_bytes[:, None],
            stranded_change=states[:, _STRANDED_CHANGE],
            opened=states[:, _WAS_EMPTY] > 0,
            gpu_lost_devices=states[:, _GPU_LOST],
        )
