"""Which tasks a protocol comes to: first those that tune, then, with knobs frozen, those that test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from hydatis_simulator.benchmark.placement.cells import BURST, TEST, TUNING, FleetSpec, Settings
from hydatis_simulator.benchmark.placement.metric_faults import METRIC_FAULTS
from hydatis_simulator.benchmark.placement.oracle import OfflineOracle
from hydatis_simulator.benchmark.placement.policies import BOUND
from hydatis_simulator.benchmark.placement.protocol import Protocol
from hydatis_simulator.benchmark.placement.tasks import ALLOWED, Bounds, FixedHardware, Frozen, NodesNeeded, Task
from hydatis_simulator.peers.spec import PeerSpec

__all__ = [
    "FREE",
    "PROVISIONED",
    "RIGHT_SIZED",
    "TUNED_FOR_FIXED",
    "Tuned",
    "freeze",
    "nodes_needed_tasks",
    "settings_of",
    "test_plan",
    "tuning_plan",
]

#: Ways in which requests count in E1.
FREE, PROVISIONED, RIGHT_SIZED = "not-binding", "provisioned", "right-sized"
#: Knobs tuned for this violation take part in E2 to E6.
TUNED_FOR_FIXED = 0.01

#: Settings by allowed violation.
Tuned = dict[float, Settings]
Results = Mapping[Task, Mapping[str, Any]]


def settings_of(spec: PeerSpec) -> list[Settings]:
    """All that tuning tries, as published first."""
    return [tuple(sorted(setting.items())) for setting in spec.settings()]


def tuning_plan(protocol: Protocol, specs: Sequence[PeerSpec]) -> list[Task]:
    """E1 on the tuning month, with every setting of every policy that has any."""
    return [
        NodesNeeded(FleetSpec(TUNING, seed, protocol.tuning_pods_count), "tuning", spec.name, settings, ALLOWED, False)
        for seed in range(1, protocol.tuning_seeds_count + 1)
        for spec in specs
        if len(settings_of(spec)) > 1
        for settings in settings_of(spec)[: protocol.settings_count]
    ]


def freeze(specs: Sequence[PeerSpec], results: Results) -> dict[str, Tuned]:
    """The setting that needed fewest nodes on the tuning month, by policy and allowed violation; the earlier one of equals."""
    needed: dict[tuple[str, Settings, float], list[float]] = {}
    for task, result in results.items():
        if isinstance(task, NodesNeeded) and task.group == "tuning":
            for ratio in task.allowed:
                nodes = result["needed"][str(ratio)]
                needed.setdefault((task.policy, task.settings, ratio), []).append(math.inf if nodes is None else nodes)
    tuned: dict[str, Tuned] = {}
    for spec in specs:
        tried = [settings for settings in settings_of(spec) if (spec.name, settings, ALLOWED[0]) in needed]
        if tried:
            tuned[spec.name] = {
                ratio: min(tried, key=lambda settings: sum(needed[spec.name, settings, ratio])) for ratio in ALLOWED
            }
    return tuned


def test_plan(protocol: Protocol, specs: Sequence[PeerSpec], tuned: Mapping[str, Tuned], experiments: Sequence[str]) -> list[Task]:
    """Everything on the test month, fleet by fleet."""
    tasks: list[Task] = []
    for seed in protocol.seeds:
        fleet = FleetSpec(TEST, seed, protocol.pods_count)
        tasks.append(Bounds(fleet, FREE))
        for spec in specs:
            published = settings_of(spec)[0]
            chosen = tuned.get(spec.name, dict.fromkeys(ALLOWED, published))
            if "E1" in experiments:
                tasks += nodes_needed_tasks(fleet, spec, tuned)
            if seed not in protocol.seeds[: protocol.fixed_seeds_count]:
                continue
            for settings in [published, *({chosen[TUNED_FOR_FIXED]} - {published})]:
                tasks += _fixed(protocol, fleet, spec, settings, experiments)
    if "E1" in experiments:
        tasks += _binding(protocol, specs) + _frozen(protocol, specs, tuned)
    order = {fleet: number for number, fleet in enumerate(dict.fromkeys(task.fleet for task in tasks))}
    return sorted(tasks, key=lambda task: order[task.fleet])


def nodes_needed_tasks(fleet: FleetSpec, spec: PeerSpec, tuned: Mapping[str, Tuned]) -> list[Task]:
    """E1 of a policy on a fleet whose requests do not bind, with published and with tuned knobs."""
    published = settings_of(spec)[0]
    tasks: list[Task] = [NodesNeeded(fleet, FREE, spec.name, published, ALLOWED, False)]
    for settings, ratios in _by_settings(tuned.get(spec.name, {})):
        if settings != published:
            tasks.append(NodesNeeded(fleet, FREE, spec.name, settings, ratios, False))
    return tasks


def _by_settings(chosen: Tuned) -> list[tuple[Settings, tuple[float, ...]]]:
    ordered = sorted(chosen.items(), key=lambda item: repr(item[1]))
    return [
        (settings, tuple(sorted(ratio for ratio, _ in pairs))) for settings, pairs in groupby(ordered, key=lambda item: item[1])
    ]


def _binding(protocol: Protocol, specs: Sequence[PeerSpec]) -> list[Task]:
    tasks: list[Task] = []
    for group, right_sized in ((PROVISIONED, False), (RIGHT_SIZED, True)):
        for seed in protocol.seeds[: protocol.binding_seeds_count]:
            fleet = FleetSpec(TEST, seed, protocol.pods_count, right_sized=right_sized)
            tasks.append(Bounds(fleet, group))
            tasks += [
                NodesNeeded(fleet, group, spec.name, settings_of(spec)[0], ALLOWED, True)
                for spec in specs
                # plans know no requests, and where requests as provisioned bind, L3 is the bound
                if spec.name != OfflineOracle.name and (right_sized or spec.family != BOUND)
            ]
    return tasks


def _frozen(protocol: Protocol, specs: Sequence[PeerSpec], tuned: Mapping[str, Tuned]) -> list[Task]:
    return [
        Frozen(FleetSpec(TEST, seed, protocol.pods_count // 2, half), "frozen", spec.name, settings, ratios)
        for seed in protocol.seeds[: protocol.frozen_seeds_count]
        for half in "ab"
        for spec in specs
        if spec.family != BOUND
        for settings, ratios in _by_settings(tuned.get(spec.name, dict.fromkeys(ALLOWED, settings_of(spec)[0])))
    ]


def _fixed(protocol: Protocol, fleet: FleetSpec, spec: PeerSpec, settings: Settings, experiments: Sequence[str]) -> list[Task]:
    policy, load = spec.name, protocol.fixed_cpu_load
    tasks: list[Task] = []
    if "E2" in experiments:
        for level in protocol.cpu_loads:
            shown = level == load and fleet.seed == protocol.seeds[0]
            tasks.append(FixedHardware(fleet, f"E2/cpu-{level:.0%}", policy, settings, level, by_node=shown))
    if "E3" in experiments:
        for count in protocol.burst_pods_counts:
            with_burst = FleetSpec(fleet.part, fleet.seed, fleet.pods_count, disturbance=f"{BURST}{count}")
            tasks.append(FixedHardware(with_burst, f"E3/{count}-pods", policy, settings, load))
    if "E4" in experiments:
        # who reads no metrics of nodes meets no fault: the cell of E2 is the answer
        tasks += [
            FixedHardware(fleet, f"E4/{fault}", policy, settings, load, fault if spec.reads_metrics else "")
            for fault in METRIC_FAULTS
        ]
    for experiment, disturbance in (("E5", "cold"), ("E6", "drift")):
        if experiment in experiments:
            disturbed = FleetSpec(fleet.part, fleet.seed, fleet.pods_count, disturbance=disturbance)
            tasks.append(FixedHardware(disturbed, f"{experiment}/{disturbance}", policy, settings, load))
    return tasks
