"""E8: what each way to need fewer nodes is worth, alone and together: sizes, placement, resizing, relief.

Rows differ in the lever and in nothing else: the fleets, the order of arrival and the judge are those of E1. "Requests ignored" are
E1's rows whose requests do not bind: what could be placed if nobody's requests counted, which stock Kubernetes cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hydatis_simulator.benchmark.placement.cells import TEST, FleetSpec
from hydatis_simulator.benchmark.placement.intervals import paired_ratio
from hydatis_simulator.benchmark.placement.months import ARRIVAL_DAYS, HISTORY_DAYS
from hydatis_simulator.benchmark.placement.oracle import Oracle
from hydatis_simulator.benchmark.placement.plan import FREE, Tuned, nodes_needed_tasks, settings_of
from hydatis_simulator.benchmark.placement.protocol import Protocol
from hydatis_simulator.benchmark.placement.second_wave import WAIT_DAYS
from hydatis_simulator.benchmark.placement.summary import UNPUBLISHED, needed_row
from hydatis_simulator.benchmark.placement.tasks import ALLOWED, Bounds, NodesNeeded, Task
from hydatis_simulator.peers.spec import PeerSpec

__all__ = ["LEVERS", "PEERS_OF_LEVERS", "Lever", "lever_plan", "lever_summary", "levers_of"]

#: Who is compared with where E8 runs alone: the published peers that read use and were best in the stored E1, and the oracles.
PEERS_OF_LEVERS = ("gpa-lowest", "rc-like-lowest", "trimaran-target-load-packing", "trimaran-low-risk-overcommitment", "oracle")
USAGE_AWARE = ("usage", "prediction")
STOCK, PACKING, OURS = "least-allocated", "most-allocated", "hydatis-greedy"
WAVES = "second-wave"

Json = dict[str, Any]
Results = Mapping[Task, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Lever:
    """One row."""

    policy: str
    sized: bool = False
    """Requests from history in place of those provisioned."""
    requests_bind: bool = True
    relief: str = ""
    """A name of DESTINATIONS; empty: none."""
    resized: bool = False
    disturbance: str = ""

    def task(self, name: str, seed: int, pods_count: int) -> NodesNeeded:
        """Nodes that it needs."""
        fleet = FleetSpec(TEST, seed, pods_count, disturbance=self.disturbance, sized=self.sized)
        return NodesNeeded(fleet, f"levers/{name}", self.policy, (), ALLOWED, self.requests_bind, self.relief, self.resized)


#: By what tables call it.
LEVERS: dict[str, Lever] = {
    "today": Lever(STOCK),
    "today, packing": Lever(PACKING),
    "placement": Lever(OURS),
    "placement, requests ignored": Lever(OURS, requests_bind=False),
    "placement, relief, requests ignored": Lever(OURS, requests_bind=False, relief="laws"),
    "GPA, relief, requests ignored": Lever("gpa-lowest", requests_bind=False, relief="laws"),
    "sizes": Lever(STOCK, sized=True),
    "sizes, relief": Lever(STOCK, sized=True, relief="requests"),
    "sizes, packing": Lever(PACKING, sized=True),
    "sizes, packing, relief": Lever(PACKING, sized=True, relief="requests"),
    "sizes, placement": Lever(OURS, sized=True),
    "sizes, placement, relief": Lever(OURS, sized=True, relief="laws"),
    "two waves: sizes": Lever(STOCK, sized=True, disturbance=WAVES),
    "two waves: sizes, resize": Lever(STOCK, sized=True, disturbance=WAVES, resized=True),
    "two waves: sizes, placement, resize, relief": Lever(OURS, sized=True, disturbance=WAVES, resized=True, relief="laws"),
}


def levers_of(days: int) -> dict[str, Lever]:
    """The levers for which a part of the trace is long enough: two waves take days of their own.

    Args:
        days: of the part.
    """
    least = HISTORY_DAYS + ARRIVAL_DAYS + WAIT_DAYS + 1
    return {name: lever for name, lever in LEVERS.items() if days >= least or not lever.disturbance}


def lever_plan(
    protocol: Protocol, specs: Sequence[PeerSpec], tuned: Mapping[str, Tuned], levers: Mapping[str, Lever] = LEVERS
) -> list[Task]:
    """All rows, those of E1 that they stand beside, and bounds; fleet by fleet."""
    tasks: list[Task] = []
    for seed in _seeds(protocol):
        for disturbance in dict.fromkeys(lever.disturbance for lever in levers.values()):
            fleet = FleetSpec(TEST, seed, protocol.pods_count, disturbance=disturbance)
            tasks += _references(fleet)
            if not disturbance:
                for spec in specs:
                    tasks += nodes_needed_tasks(fleet, spec, tuned)
            tasks += [
                lever.task(name, seed, protocol.pods_count) for name, lever in LEVERS.items() if lever.disturbance == disturbance
            ]
    return tasks


def lever_summary(
    protocol: Protocol,
    specs: Sequence[PeerSpec],
    tuned: Mapping[str, Tuned],
    results: Results,
    levers: Mapping[str, Lever] = LEVERS,
) -> Json:
    """Rows by lever and allowed violation: nodes over the oracle's, the bound's and the best published usage-aware peer's."""
    seeds = _seeds(protocol)
    peers = {ratio: _best_peer(seeds, protocol.pods_count, specs, tuned, results, ratio) for ratio in ALLOWED}
    rows: Json = {}
    for name, lever in levers.items():
        found = [results[lever.task(name, seed, protocol.pods_count)] for seed in seeds]
        limits = [_references(FleetSpec(TEST, seed, protocol.pods_count, disturbance=lever.disturbance)) for seed in seeds]
        rows[name] = {"lever": asdict(lever)}
        for ratio in ALLOWED:
            compared = {
                "oracle": [results[oracle]["needed"][str(ratio)] for _, oracle in limits],
                "fluid": [results[bounds]["fluid_nodes"] for bounds, _ in limits],
                "peer": [] if lever.disturbance else peers[ratio].nodes,
            }
            rows[name][str(ratio)] = _row(found, str(ratio), compared)
    best = {str(ratio): asdict(peer) for ratio, peer in peers.items()}
    return {"rows": rows, "best_published_usage_aware_peer": best, "seeds": list(seeds)}


def _row(found: Sequence[Mapping[str, Any]], ratio: str, compared: Mapping[str, Sequence[int]]) -> Json:
    """Means over seeds, worst node and most moves of any seed, and ratios to those compared with."""
    row = needed_row(found, ratio)
    figures = [one["figures"][ratio] for one in found if ratio in one["figures"]]
    row["worst_node_of_all_violation_ratio"] = max((one["worst_node_violation_ratio"] for one in figures), default=None)
    row["most_moves_per_100_pod_days"] = max((one.get("moves_per_100_pod_days", 0.0) for one in figures), default=None)
    if row["nodes_mean"] is not None:
        row |= {f"ratio_to_{other}": asdict(paired_ratio(row["nodes"], nodes)) for other, nodes in compared.items() if nodes}
    return row


def _seeds(protocol: Protocol) -> tuple[int, ...]:
    return protocol.seeds[: protocol.binding_seeds_count]


def _references(fleet: FleetSpec) -> tuple[Bounds, NodesNeeded]:
    """Bounds, and the oracle, requests ignored."""
    group = fleet.disturbance or FREE
    return Bounds(fleet, group), NodesNeeded(fleet, group, Oracle.name, (), ALLOWED, False)


@dataclass(frozen=True, slots=True)
class _Peer:
    policy: str
    nodes: list[int]
    """By seed; empty: no peer reaches it with every seed."""


def _best_peer(
    seeds: Sequence[int], pods_count: int, specs: Sequence[PeerSpec], tuned: Mapping[str, Tuned], results: Results, ratio: float
) -> _Peer:
    """The published usage-aware peer that needs fewest nodes, requests ignored, the better of published and tuned knobs."""
    peers = []
    for spec in specs:
        published = settings_of(spec)[0]
        for settings in {published, tuned.get(spec.name, {}).get(ratio, published)}:
            needed = [
                result["needed"][str(ratio)]
                for seed in seeds
                for task, result in results.items()
                if isinstance(task, NodesNeeded) and (task.group, task.policy, task.settings) == (FREE, spec.name, settings)
                if task.fleet == FleetSpec(TEST, seed, pods_count) and ratio in task.allowed
            ]
            if spec.family in USAGE_AWARE and not spec.name.startswith(UNPUBLISHED) and None not in needed:
                peers.append(_Peer(spec.name, needed))
    return min(peers, key=lambda peer: (sum(peer.nodes), peer.policy), default=_Peer("", []))
