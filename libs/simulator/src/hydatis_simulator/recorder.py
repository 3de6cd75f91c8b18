"""Collects what happens in a replay and turns it into an outcome.

Kept apart from the replay itself, so that what is counted can be read in one place and another driver (a real stack under replay,
an environment for training) can count in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.cluster import Cluster
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO
from hydatis_simulator.outcomes import (
    OUTCOME_FIGURES,
    Outcome,
    Placement,
    node_load_figures,
)
from hydatis_simulator.physics import NodeLoad
from hydatis_simulator.trace import Trace

__all__ = ["OutcomeRecorder"]


class OutcomeRecorder:
    """What a replay did so far.

    Args:
        cluster: whose nodes are the columns; read at each sample.
        tick_seconds: node-time that one sample stands for.
        memory_known: whether the trace knows memory; else memory figures are NaN.
    """

    def __init__(self, cluster: Cluster, tick_seconds: float, *, memory_known: bool) -> None:
        self._cluster = cluster
        self._tick_seconds = tick_seconds
        self._memory_known = memory_known
        self._cpu_allocatable = cluster.cpu_allocatable_milli / 1000.0
        self._memory_allocatable = cluster.memory_allocatable_bytes.astype(np.float64)
        self._times: list[float] = []
        self._cpu: list[NDArray[np.float32]] = []
        self._memory: list[NDArray[np.float32]] = []
        self._counts: list[NDArray[np.int32]] = []
        self._placements: list[Placement] = []
        self._waits: list[float] = []
        self._decisions_count = self._abstained_count = 0
        self._demand_core_seconds = self._throttled_core_seconds = self._lost_core_seconds = 0.0
        self._oom_count = self._held_count = self._pod_samples_count = self._expired_count = 0

    def sample(self, time_seconds: float, load: NodeLoad, *, held_count: int, restarting_cores: float) -> None:
        """One moment of the cluster, standing for a tick of time.

        Args:
            time_seconds: when, Unix seconds.
            load: what pods wanted and got.
            held_count: pods whose use was not known and was held.
            restarting_cores: CPU that restarting pods would have wanted.
        """
        self._times.append(time_seconds)
        self._cpu.append((load.cpu_demand_cores / self._cpu_allocatable).astype(np.float32))
        memory = load.memory_demand_bytes / self._memory_allocatable
        self._memory.append(memory.astype(np.float32) if self._memory_known else np.full(len(memory), np.nan, dtype=np.float32))
        self._counts.append(self._cluster.pod_counts.astype(np.int32))
        self._demand_core_seconds += float(load.cpu_demand_cores.sum()) * self._tick_seconds
        self._throttled_core_seconds += load.throttled_cores * self._tick_seconds
        self._lost_core_seconds += restarting_cores * self._tick_seconds
        self._oom_count += len(load.killed)
        self._held_count += held_count
        self._pod_samples_count += len(load.pod_cpu_used_cores)

    def decided(self, *, abstained: bool) -> None:
        """The policy was asked."""
        self._decisions_count += 1
        self._abstained_count += abstained

    def bound(self, placement: Placement, wait_seconds: float) -> None:
        """A pod was bound."""
        self._placements.append(placement)
        self._waits.append(wait_seconds)

    def expired(self) -> None:
        """A pod's life ended while it waited."""
        self._expired_count += 1

    @property
    def placed_count(self) -> int:
        """Pods bound so far."""
        return len(self._placements)

    def finish(self, trace: Trace, *, policy: str, seed: int, pods_count: int, pending_uids: Sequence[str]) -> Outcome:
        """The outcome.

        Args:
            trace: what was played.
            policy: its name.
            seed: of the replay.
            pods_count: pods that asked to be placed.
            pending_uids: pods that still wait.
        """
        nodes_count = len(self._cluster.nodes)
        cpu = np.array(self._cpu, dtype=np.float32).reshape(-1, nodes_count)
        memory = np.array(self._memory, dtype=np.float32).reshape(-1, nodes_count)
        counts = np.array(self._counts, dtype=np.int32).reshape(-1, nodes_count)
        used = (counts > 0).sum(axis=1)
        waits = np.array(self._waits)
        nan = float("nan")
        figures = {
            "pods_count": pods_count,
            "placed_count": len(self._placements),
            "pending_count": len(pending_uids),
            "expired_count": self._expired_count,
            "wait_mean_seconds": waits.mean() if waits.size else nan,
            "wait_p99_seconds": np.percentile(waits, 99) if waits.size else nan,
            "nodes_used_mean_count": used.mean() if used.size else nan,
            "nodes_used_max_count": used.max() if used.size else nan,
            **node_load_figures("cpu", cpu, CPU_LIMIT_RATIO, self._tick_seconds),
            **node_load_figures("memory", memory, MEMORY_LIMIT_RATIO, self._tick_seconds),
            "throttled_core_seconds": self._throttled_core_seconds,
            "throttled_demand_ratio": _ratio(self._throttled_core_seconds, self._demand_core_seconds),
            "oom_count": self._oom_count if self._memory_known else nan,
            "oom_lost_core_seconds": self._lost_core_seconds if self._memory_known else nan,
            "abstained_ratio": _ratio(self._abstained_count, self._decisions_count),
            "held_usage_ratio": _ratio(self._held_count, self._pod_samples_count),
        }
        return Outcome(
            policy=policy,
            trace=trace.name,
            trace_digest=trace.digest(),
            seed=seed,
            tick_seconds=self._tick_seconds,
            node_names=tuple(node.name for node in self._cluster.nodes),
            tick_times_seconds=np.array(self._times, dtype=np.float64),
            cpu_load=cpu,
            memory_load=memory,
            pod_counts=counts,
            placements=tuple(self._placements),
            pending_uids=tuple(pending_uids),
            figures={figure.name: float(figures[figure.name]) for figure in OUTCOME_FIGURES},
        )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
