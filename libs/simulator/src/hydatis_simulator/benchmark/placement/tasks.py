"""The questions that the experiments ask, each answered by a handful of cells and small enough to be lost by a kill."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hydatis_simulator.benchmark.placement.bounds import fluid_nodes, never_fewer_nodes, request_nodes, utilisation_ceiling
from hydatis_simulator.benchmark.placement.cells import Cell, Figures, FleetSpec, Settings
from hydatis_simulator.benchmark.placement.laboratory import Laboratory
from hydatis_simulator.benchmark.placement.nodes_needed import Answer, nodes_needed

__all__ = ["ALLOWED", "Bounds", "FixedHardware", "Frozen", "NodesNeeded", "Task", "nodes_at_load"]

#: alpha: node-time allowed in violation.
ALLOWED = (0.001, 0.01, 0.05)
#: More nodes than this many times bound L1, or so much more than bound L3, are not tried.
MOST_OVER_FLUID, MOST_OVER_REQUESTS = 6.0, 1.5
#: The search begins at this share of L1.
FIRST_OVER_FLUID = 1.1

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a fleet."""

    fleet: FleetSpec
    group: str
    """What the result is filed under, with all else that the task says."""

    def run(self, laboratory: Laboratory) -> Result:
        """L1, L3, L4, and what the fleet is."""
        fleet, node = laboratory.fleet(self.fleet), laboratory.node
        ceiling = utilisation_ceiling(fleet)
        return {
            "fluid_nodes": fluid_nodes(fleet, node),
            "never_fewer_nodes": [never_fewer_nodes(fleet, node, ratio) for ratio in ALLOWED],
            "request_nodes": request_nodes(fleet, node),
            "cpu_ceiling_ratio": float(ceiling[0]),
            "memory_ceiling_ratio": float(ceiling[1]),
            "mean_cores": float(fleet.judged[0].sum(axis=0, dtype=np.float64).mean()),
            "mean_gib": float(fleet.judged[1].sum(axis=0, dtype=np.float64).mean() / 2**30),
            "requested_cores": float(fleet.requests[0].sum()),
            "requested_gib": float(fleet.requests[1].sum() / 2**30),
        }


@dataclass(frozen=True, slots=True)
class NodesNeeded:
    """E1 of one policy with one setting and one seed."""

    fleet: FleetSpec
    group: str
    policy: str
    settings: Settings
    allowed: tuple[float, ...]
    requests_bind: bool
    relief: str = ""
    resized: bool = False

    def run(self, laboratory: Laboratory) -> Result:
        """needed: nodes by allowed ratio (as text), None for never; figures: those of that cell; curve: what was tried, as
        [nodes, violation ratio, nodes used, pods without a node]."""
        cell = Cell(self.fleet, self.policy, self.settings, 1, self.requests_bind, relief=self.relief, resized=self.resized)
        found, curve = _search(laboratory, cell, self.allowed)
        figures = {
            str(ratio): laboratory.run(replace(cell, nodes_count=nodes)) for ratio, nodes in found.items() if nodes is not None
        }
        return {"needed": {str(ratio): nodes for ratio, nodes in found.items()}, "figures": figures, "curve": curve}


@dataclass(frozen=True, slots=True)
class Frozen:
    """Nodes found on one half of the machines, judged on the other.

    Halves differ in size of load, which whoever buys nodes knows from the past: the count is scaled by the greater ratio, CPU or
    memory, of the halves' mean use in the history.
    """

    fleet: FleetSpec
    """Its half is the one that is judged."""
    group: str
    policy: str
    settings: Settings
    allowed: tuple[float, ...]

    def run(self, laboratory: Laboratory) -> Result:
        """by allowed ratio: nodes found, nodes judged, and the violation there; None for never."""
        other = replace(self.fleet, half="b" if self.fleet.half == "a" else "a")
        found, _ = _search(laboratory, Cell(other, self.policy, self.settings, 1, False), self.allowed)
        scale = float((_past(laboratory, self.fleet) / _past(laboratory, other)).max())
        result: Result = {}
        for ratio, nodes in found.items():
            if nodes is None:
                result[str(ratio)] = None
                continue
            count = math.ceil(nodes * scale)
            figures = laboratory.run(Cell(self.fleet, self.policy, self.settings, count, False))
            result[str(ratio)] = {"nodes_found": nodes, "nodes_judged": count, **_short(figures)}
        return result


@dataclass(frozen=True, slots=True)
class FixedHardware:
    """E2 to E6: one cell on the nodes that bring the undisturbed fleet to a mean CPU load."""

    fleet: FleetSpec
    group: str
    policy: str
    settings: Settings
    cpu_load_ratio: float
    fault: str = ""
    by_node: bool = False

    def run(self, laboratory: Laboratory) -> Result:
        """Figures of the cell, and nodes_count."""
        nodes = nodes_at_load(laboratory, self.fleet, self.cpu_load_ratio)
        cell = Cell(self.fleet, self.policy, self.settings, nodes, False, self.fault, self.by_node)
        return {"nodes_count": nodes, **laboratory.run(cell)}


Task = Bounds | NodesNeeded | Frozen | FixedHardware


def nodes_at_load(laboratory: Laboratory, spec: FleetSpec, cpu_load_ratio: float) -> int:
    """Nodes on which the fleet, undisturbed, uses this share of CPU in the mean over the judged time."""
    fleet = laboratory.fleet(replace(spec, disturbance=""))
    mean_cores = float(fleet.judged[0].sum(axis=0, dtype=np.float64).mean())
    return max(round(mean_cores / (cpu_load_ratio * float(laboratory.node[0]))), 1)


def _search(laboratory: Laboratory, cell: Cell, allowed: Sequence[float]) -> tuple[dict[float, int | None], list[list[float]]]:
    """Of a cell with any number of nodes."""
    fleet = laboratory.fleet(cell.fleet)
    fluid = fluid_nodes(fleet, laboratory.node)
    requests = request_nodes(fleet, laboratory.node)
    least = requests if cell.requests_bind and not cell.resized else 1
    most = math.ceil(max(MOST_OVER_FLUID * fluid, MOST_OVER_REQUESTS * requests))
    curve: list[list[float]] = []

    def run(nodes: int) -> Answer:
        figures = laboratory.run(replace(cell, nodes_count=nodes))
        ratio, used, unplaced = (figures[name] for name in ("violation_ratio", "nodes_used_count", "unplaced_count"))
        curve.append([nodes, ratio, used, unplaced])
        return Answer(math.inf if unplaced else ratio, int(used))

    first = max(math.floor(FIRST_OVER_FLUID * fluid), 1)
    return nodes_needed(run, allowed, first=first, least=least, most=most), sorted(curve)


def _past(laboratory: Laboratory, spec: FleetSpec) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    fleet = laboratory.fleet(spec)
    total: np.ndarray[tuple[int], np.dtype[np.float64]] = np.nansum(
        np.nanmean(fleet.usage[:, :, : fleet.history_steps], axis=2, dtype=np.float64), axis=1
    )
    return total


def _short(figures: Figures) -> Figures:
    return {name: figures[name] for name in ("violation_ratio", "worst_node_violation_ratio", "unplaced_count")}
