"""A window of a trace, placed by a policy: what a trial is judged by.

The cluster starts empty and the pods that run when the window opens arrive over its first hours; what is judged comes after them.
Nodes are packed (objective weight 1), because only a placement that may leave nodes empty can save node-hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.seeds import generator
from hydatis_lifecycle.business_objective import Outcome
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO
from hydatis_simulator.outcomes import Outcome as Replayed
from hydatis_simulator.policy import Policy
from hydatis_simulator.replay import RESTART_SECONDS, ReplayObserver, replay
from hydatis_simulator.trace import Trace
from numpy.typing import NDArray

from hydatis_pipelines.dataset_step import SCRAPE_DELAY_SECONDS, TICK_SECONDS

__all__ = ["OBJECTIVE_WEIGHT", "Window", "node_faults", "placed"]

#: 0 spreads, 1 packs.
OBJECTIVE_WEIGHT = 1.0
#: A faulty node: a process that nobody asked for takes so much of its CPU, in bursts, for so long.
_FAULT_RATIO = (0.3, 0.6)
_FAULT_SECONDS = 3 * 3600.0
_BURST_SHARE = 0.7


@dataclass(frozen=True)
class Window:
    """What is placed."""

    trace: Trace
    judged_from_seconds: float
    """Unix seconds; earlier ticks are the filling of an empty cluster."""
    fault_ratio: NDArray[np.float32] | None = None
    """shape (ticks, nodes): CPU that faults take, share of allocatable; None: no node is faulty."""


def node_faults(trace: Trace, nodes_count: int, *, share: float, judged_from_seconds: float, seed: int) -> NDArray[np.float32]:
    """CPU that runaway processes take, shape (ticks, nodes), share of allocatable.

    A share of the nodes, at least one, has one fault each: from a moment of the judged time on, for three hours.
    """
    random = generator(seed, f"search/faults/{trace.start_seconds}")
    ticks = int((trace.end_seconds - trace.start_seconds) // TICK_SECONDS) + 1
    judged = int((judged_from_seconds - trace.start_seconds) // TICK_SECONDS)
    length = min(int(_FAULT_SECONDS // TICK_SECONDS), max((ticks - judged) // 2, 1))
    taken = np.zeros((ticks, nodes_count), dtype=np.float32)
    for node in random.choice(nodes_count, max(1, round(share * nodes_count)), replace=False):
        first = int(random.integers(judged, max(ticks - length, judged + 1)))
        loud = random.random(length) < _BURST_SHARE
        taken[first : first + length, node] = (random.uniform(*_FAULT_RATIO) * loud)[: ticks - first]
    return taken


def placed(
    window: Window,
    nodes: Sequence[Node],
    policy: Policy,
    observers: Sequence[ReplayObserver],
    *,
    seed: int,
    cpu_accuracy_ratio: float = float("nan"),
) -> Outcome:
    """Places a window and says what it came to.

    Args:
        window: the pods.
        nodes: the cluster.
        policy: a fresh one.
        observers: what the policy sees by: itself, for most.
        seed: of tie-breaks.
        cpu_accuracy_ratio: of the forecast that the policy goes by.
    """
    taken = window.fault_ratio
    if taken is not None:
        observers = [_Faulty(observer, taken) for observer in observers]
    replayed = replay(
        window.trace, nodes, policy, observers, seed=seed, tick_seconds=TICK_SECONDS, scrape_delay_seconds=SCRAPE_DELAY_SECONDS
    )
    judged = replayed.tick_times_seconds >= window.judged_from_seconds
    cpu = replayed.cpu_load if taken is None else replayed.cpu_load + taken[: len(replayed.cpu_load)]
    held = replayed.pod_counts[judged] > 0
    # what is not measured (NaN) is no violation
    violated = held & ((cpu[judged] > CPU_LIMIT_RATIO) | (replayed.memory_load[judged] > MEMORY_LIMIT_RATIO))
    return Outcome(
        node_hours=float(held.sum()) * TICK_SECONDS / 3600.0,
        violation_ratio=float(violated.sum() / max(held.sum(), 1)),
        availability_ratio=_availability(window, replayed),
        cpu_accuracy_ratio=cpu_accuracy_ratio,
    )


def _availability(window: Window, replayed: Replayed) -> float:
    """Pod-time served over pod-time asked for, in the judged time; a kill costs ``RESTART_SECONDS``, whenever it was."""
    bound = {placement.pod_uid: placement.time_seconds for placement in replayed.placements}
    first, last = window.judged_from_seconds, window.trace.end_seconds
    asked = served = 0.0
    for pod in window.trace.pods:
        end = min(pod.end_seconds, last)
        asked += max(end - max(pod.arrival_seconds, first), 0.0)
        served += max(end - max(bound.get(pod.pod.uid, last), first), 0.0)
    kills = replayed.figures["oom_count"]
    lost = 0.0 if np.isnan(kills) else kills * RESTART_SECONDS
    return float(np.clip((served - lost) / asked, 0.0, 1.0)) if asked > 0 else 1.0


class _Faulty:
    """An observer that sees faulty nodes: their measured CPU holds what the fault takes."""

    def __init__(self, observer: ReplayObserver, taken: NDArray[np.float32]) -> None:
        self._observer, self._taken = observer, taken
        self._tick = 0
        self._cpu_cores = np.zeros(0, dtype=np.float32)

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        self._cpu_cores = np.array([node.allocatable.cpu_cores for node in nodes], dtype=np.float32)
        self._observer.on_nodes(nodes, tick_seconds, scrape_delay_seconds)

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        seen = node_usage.copy()
        seen[:, 0] = np.minimum(seen[:, 0] + self._taken[self._tick] * self._cpu_cores, self._cpu_cores)
        self._tick += 1
        self._observer.on_tick(tick_time_seconds, sample_time_seconds, seen, pod_uids, pod_usage)

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        self._observer.on_bind(pod, node_name, time_seconds)

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        self._observer.on_end(uid, node_name, time_seconds)
