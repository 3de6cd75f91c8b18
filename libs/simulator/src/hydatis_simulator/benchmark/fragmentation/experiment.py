"""E7: every policy fills the cluster with every list, over the same seeds, pods and ties.

GPU allocation is read as the authors read it: at x % arrived it is the mean over the pods whose arrival brought the GPU asked for
to within half a percent of x.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_placement.gpu_fragmentation import gpu_fragmentation
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.arena import Arena
from hydatis_simulator.benchmark.fragmentation.bound import allocation_bound_milli
from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster, GpuNode
from hydatis_simulator.benchmark.fragmentation.mix import typical_mix
from hydatis_simulator.benchmark.fragmentation.policies import POLICIES, make_policy
from hydatis_simulator.benchmark.fragmentation.protocol import SEEDS, arrivals, node_order
from hydatis_simulator.benchmark.fragmentation.shapes import Workload

__all__ = ["CHECKPOINTS_PCT", "CURVE_PCT", "FragmentationResult", "Run", "run_fragmentation", "run_once"]

#: GPU asked for, % of the cluster's, at which figures are published.
CHECKPOINTS_PCT: tuple[int, ...] = (90, 95, 100, 110, 120, 130)
#: The last percent of a curve.
CURVE_PCT = 130

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Run:
    """One policy, one list, one seed."""

    pod_list: str
    policy: str
    seed: int
    gpu_allocated_pct: NDArray[np.float64]
    """GPU given at 0, 1 .. 130 % arrived, % of the cluster's, shape (131,); NaN: no pod arrived within half a percent of it."""
    gpu_fragmented_pct: NDArray[np.float64]
    """Fragmented GPU (FGD's measure on the typical pods) at ``CHECKPOINTS_PCT``, % of the cluster's; NaN: never arrived."""
    bound_pct: NDArray[np.float64]
    """What no policy can pass at ``CHECKPOINTS_PCT``, % of the cluster's (``allocation_bound_milli``); NaN: never arrived."""
    pods_count: int
    placed_count: int
    seconds: float
    """Time the policy and the arena took."""


@dataclass(frozen=True)
class FragmentationResult:
    """All runs."""

    runs: tuple[Run, ...]

    def allocated_pct(self, pod_list: str, policy: str, arrived_pct: int) -> NDArray[np.float64]:
        """GPU allocation of each seed, shape (seeds,), in the order of the seeds."""
        return np.array([run.gpu_allocated_pct[arrived_pct] for run in self.of(pod_list, policy)])

    def of(self, pod_list: str, policy: str) -> list[Run]:
        """The runs of one policy on one list, in the order of the seeds."""
        return [run for run in self.runs if run.pod_list == pod_list and run.policy == policy]

    def placements_per_second(self, policy: str) -> float:
        """Pods decided per second over all runs of a policy; NaN without any."""
        runs = [run for run in self.runs if run.policy == policy]
        return sum(run.pods_count for run in runs) / sum(run.seconds for run in runs) if runs else float("nan")


def run_fragmentation(
    nodes: Sequence[GpuNode],
    lists: Mapping[str, Workload],
    *,
    policies: Sequence[str] = tuple(POLICIES),
    seeds: Sequence[int] = SEEDS,
    progress: Progress | None = None,
) -> FragmentationResult:
    """Runs the experiment.

    Args:
        nodes: the cluster, empty.
        lists: pods by name of the list.
        policies: names of ``POLICIES``.
        seeds: at least one.
        progress: told (runs done, runs in all, what runs now).

    Returns:
        Lists by policies by seeds runs.

    Raises:
        InvalidValue: no list, no seed, an unknown policy, or a cluster without GPU.
    """
    if not lists or not policies or not seeds:
        raise InvalidValue("there is nothing to run", field="lists, policies, seeds", expected="at least one of each")
    todo = [(pod_list, policy, seed) for pod_list in lists for policy in policies for seed in seeds]
    runs = []
    for done, (pod_list, policy, seed) in enumerate(todo):
        if progress is not None:
            progress(done, len(todo), f"{pod_list} {policy}")
        runs.append(run_once(nodes, pod_list, lists[pod_list], policy, seed))
    if progress is not None:
        progress(len(todo), len(todo), "")
    return FragmentationResult(tuple(runs))


def run_once(nodes: Sequence[GpuNode], pod_list: str, workload: Workload, policy: str, seed: int) -> Run:
    """One policy fills the empty cluster with pods of one list."""
    cluster = GpuCluster(node_order(nodes, seed))
    order = arrivals(workload, cluster.gpu_total_milli, seed)
    arrived_pct = np.cumsum(workload.gpu_milli[order]) * (100.0 / cluster.gpu_total_milli)
    arena = Arena(cluster, workload.shapes, make_policy(policy, workload, cluster.models, seed))
    mix = typical_mix(workload, cluster.models)
    fragmented, bound = np.full(len(CHECKPOINTS_PCT), np.nan), np.full(len(CHECKPOINTS_PCT), np.nan)
    parts, seconds, start = [], 0.0, 0
    for position, end in enumerate((*np.searchsorted(arrived_pct, CHECKPOINTS_PCT), order.size)):
        began = time.perf_counter()
        parts.append(arena.run(order[start:end]))
        seconds += time.perf_counter() - began
        start = end
        if position < fragmented.size and arrived_pct[min(end, order.size - 1)] >= CHECKPOINTS_PCT[position] - 0.5:
            amount = gpu_fragmentation(cluster.cpu_free, cluster.gpu_free, cluster.model, mix).sum()
            fragmented[position] = amount * (100.0 / cluster.gpu_total_milli)
            possible = allocation_bound_milli(workload, order[: end + 1], cluster.gpu_total_milli)
            bound[position] = possible * (100.0 / cluster.gpu_total_milli)
    given = np.cumsum(np.concatenate([part.gpu_allocated_milli for part in parts])) * (100.0 / cluster.gpu_total_milli)
    placed_count = sum(int((part.row >= 0).sum()) for part in parts)
    return Run(pod_list, policy, seed, _per_percent(arrived_pct, given), fragmented, bound, order.size, placed_count, seconds)


def _per_percent(arrived_pct: NDArray[np.floating], allocated_pct: NDArray[np.floating]) -> NDArray[np.float64]:
    bins = np.round(arrived_pct).astype(np.int64)
    kept = bins <= CURVE_PCT
    counts = np.bincount(bins[kept], minlength=CURVE_PCT + 1)
    sums = np.bincount(bins[kept], weights=allocated_pct[kept], minlength=CURVE_PCT + 1)
    curve: NDArray[np.float64] = np.divide(sums, counts, out=np.full(CURVE_PCT + 1, np.nan), where=counts > 0)
    return np.round(curve, 9)
