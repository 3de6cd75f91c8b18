"""Runs cells: builds the fleet from the trace, lets the policy place, judges; a cell that is known is not run again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from dataclasses import replace

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_sizing.ours import RightSizing
from numpy.typing import NDArray

from hydatis_simulator.arena.day_shift import fleet_of_copies
from hydatis_simulator.arena.fleet import CPU, Fleet
from hydatis_simulator.arena.judge import judge, judge_use, node_use
from hydatis_simulator.arena.relief import ReliefPlan, relieved
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena.seen import UNPLACED
from hydatis_simulator.arena_policy.relief_destinations import DESTINATIONS
from hydatis_simulator.benchmark.placement.cells import BURST, Cell, Figures, FleetSpec
from hydatis_simulator.benchmark.placement.disturbed import burst, cold_start, drift
from hydatis_simulator.benchmark.placement.metric_faults import METRIC_FAULTS
from hydatis_simulator.benchmark.placement.right_sizing import right_sized
from hydatis_simulator.benchmark.placement.second_wave import resized_place, second_wave
from hydatis_simulator.benchmark.sizing.nodes import sized
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO
from hydatis_simulator.peers.spec import PeerSpec
from hydatis_simulator.trace import Trace

__all__ = ["Laboratory"]

#: Fleets kept: the one at work and the one before.
_FLEETS_KEPT = 2
#: Judged after a burst: the metric window.
AFTER_BURST_SECONDS = 900.0


class Laboratory:
    """Runs cells.

    Args:
        traces: by part of ``FleetSpec``, one pod a machine.
        node: shape (2,), cores and bytes of every node.
        history_days: days before the first arrival.
        policies: by name.
        known: figures by cell's key; what is run is added.
    """

    def __init__(
        self,
        traces: Mapping[str, Trace],
        node: NDArray[np.float64],
        history_days: int,
        policies: Mapping[str, PeerSpec],
        known: MutableMapping[str, Figures],
    ) -> None:
        self._traces, self._history_days, self._policies, self._known = traces, history_days, policies, known
        self.node = node
        self._fleets: OrderedDict[FleetSpec, Fleet] = OrderedDict()

    def run(self, cell: Cell) -> Figures:
        """Figures of a cell: those of ``Judgement`` by name, and for a burst max_share_ratio, max_cpu_share_ratio and
        hot_node_minutes_after; by node: node_violation_ratio and node_cpu_mean_ratio, highest first;
        relieved: moves_per_100_pod_days."""
        key = cell.key()
        if key not in self._known:
            self._known[key] = self._run(cell)
        return self._known[key]

    def fleet(self, spec: FleetSpec) -> Fleet:
        """The fleet of a spec."""
        if spec in self._fleets:
            self._fleets.move_to_end(spec)
            return self._fleets[spec]
        fleet = self._built(spec)
        self._fleets[spec] = fleet
        while len(self._fleets) > _FLEETS_KEPT:
            self._fleets.popitem(last=False)
        return fleet

    def _built(self, spec: FleetSpec) -> Fleet:
        plain = replace(spec, right_sized=False, disturbance="", sized=False)
        if spec != plain:
            fleet = self.fleet(plain)
        else:
            trace = self._traces[spec.part]
            machines = np.arange(len({pod.pod.workload for pod in trace.pods}))
            chosen = machines if not spec.half else machines["ab".index(spec.half) :: 2]
            whole = fleet_of_copies(
                trace, pods_count=spec.pods_count, seed=spec.seed, history_days=self._history_days, machines=chosen
            )
            # A pod that asks for more than a node has would wait for ever: it asks for a whole node.
            fleet = replace(whole, requests=np.minimum(whole.requests, self.node[:, None]))
        if spec.disturbance.startswith(BURST):
            fleet = burst(fleet, int(spec.disturbance.removeprefix(BURST)))
        elif spec.disturbance:
            fleet = {"cold": cold_start, "drift": drift, "second-wave": second_wave}[spec.disturbance](fleet, spec.seed)
        fleet = sized(fleet, RightSizing()) if spec.sized else fleet
        return right_sized(fleet) if spec.right_sized else fleet

    def _run(self, cell: Cell) -> Figures:
        fleet = self.fleet(cell.fleet)
        allocatable = np.repeat(self.node[:, None], cell.nodes_count, axis=1)
        seed = cell.fleet.seed
        policies = [self._policies[cell.policy].make(**dict(cell.settings)) for _ in range(2 if cell.resized else 1)]
        if cell.resized:
            fleet, node_of = resized_place(fleet, allocatable, (policies[0], policies[1]), seed=seed)
        else:
            fault = METRIC_FAULTS[cell.fault](seed) if cell.fault else None
            node_of = place(fleet, allocatable, policies[0], seed=seed, requests_bind=cell.requests_bind, fault=fault)
        if cell.relief and (node_of != UNPLACED).all():
            return _relieved(fleet, node_of, allocatable, cell)
        figures: Figures = dict(judge(fleet, node_of, allocatable).to_json())
        if cell.fleet.disturbance.startswith(BURST):
            figures |= _after_burst(fleet, node_of, allocatable, int(cell.fleet.disturbance.removeprefix(BURST)))
        if cell.by_node:
            figures |= _by_node(fleet, node_of, allocatable)
        return figures


def _relieved(fleet: Fleet, node_of: NDArray[np.int32], allocatable: NDArray[np.float64], cell: Cell) -> Figures:
    destination = DESTINATIONS[cell.relief](fleet, allocatable)
    found = relieved(fleet, allocatable, node_of, destination, ReliefPlan(), seed=cell.fleet.seed, requests_bind=cell.requests_bind)
    judged = judge_use(found.use, allocatable, found.used, unplaced_count=0, step_seconds=fleet.step_seconds)
    pod_days = fleet.pods_count * (fleet.steps_count - fleet.judged_from_step) * fleet.step_seconds / DAY_SECONDS
    return {**judged.to_json(), "moves_per_100_pod_days": 100.0 * len(found.moves) / pod_days}


def _after_burst(fleet: Fleet, node_of: NDArray[np.int32], allocatable: NDArray[np.float64], pods_count: int) -> Figures:
    """Share of the burst that the node with most of it got, over the fair share of 1 / nodes: by pods and by their mean CPU."""
    last = fleet.judged_from_step + max(round(AFTER_BURST_SECONDS / fleet.step_seconds), 1)
    soon = replace(fleet, usage=fleet.usage[:, :, : min(last, fleet.steps_count)])
    came = np.flatnonzero(node_of[-pods_count:] != UNPLACED) + fleet.pods_count - pods_count
    nodes = allocatable.shape[1]
    if not came.size:
        return {"max_share_ratio": float("nan"), "max_cpu_share_ratio": float("nan"), "hot_node_minutes_after": 0.0}
    cpu = fleet.judged[CPU][came].mean(axis=1)
    return {
        "max_share_ratio": float(np.bincount(node_of[came], minlength=nodes).max() / came.size * nodes),
        "max_cpu_share_ratio": float(np.bincount(node_of[came], weights=cpu, minlength=nodes).max() / cpu.sum() * nodes),
        "hot_node_minutes_after": judge(soon, node_of, allocatable).hot_node_minutes,
    }


def _by_node(fleet: Fleet, node_of: NDArray[np.int32], allocatable: NDArray[np.float64]) -> Figures:
    ratio = node_use(fleet, node_of, allocatable.shape[1]) / allocatable[:, :, None].astype(np.float32)
    violated = ((ratio[0] > CPU_LIMIT_RATIO) | (ratio[1] > MEMORY_LIMIT_RATIO)).mean(axis=1)
    return {
        "node_violation_ratio": [round(float(value), 5) for value in np.sort(violated)[::-1]],
        "node_cpu_mean_ratio": [round(float(value), 4) for value in np.sort(ratio[0].mean(axis=1))[::-1]],
    }
