"""From results to what is stored: means over seeds, and ratios to the bound, to ours and to the best peer with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from hydatis_simulator.benchmark.placement.cells import Settings
from hydatis_simulator.benchmark.placement.intervals import paired_ratio
from hydatis_simulator.benchmark.placement.oracle import Oracle
from hydatis_simulator.benchmark.placement.plan import FREE, PROVISIONED, RIGHT_SIZED, TUNED_FOR_FIXED, Tuned, settings_of
from hydatis_simulator.benchmark.placement.policies import BOUND, OURS
from hydatis_simulator.benchmark.placement.tasks import ALLOWED, Bounds, FixedHardware, Frozen, NodesNeeded, Task
from hydatis_simulator.peers.spec import PeerSpec

__all__ = ["PUBLISHED", "TUNED", "UNPUBLISHED", "needed_row", "summary"]

#: Variants of a policy.
PUBLISHED, TUNED = "published", "tuned"
#: Peers of our own making: nobody publishes them as a scheduler.
UNPUBLISHED = ("week-percentile", "hour-profile")
RATIO = "ratio_to"

Json = dict[str, Any]
Results = Mapping[Task, Mapping[str, Any]]


def summary(specs: Sequence[PeerSpec], tuned: Mapping[str, Tuned], results: Results) -> Json:
    """All figures by experiment, group, policy and variant; every figure by seed stays beside its mean."""
    found = {
        "bounds": _bounds(results),
        "tuned": {name: {str(ratio): dict(one) for ratio, one in by_ratio.items()} for name, by_ratio in tuned.items()},
        "nodes_needed": {
            group: rows for group in (FREE, PROVISIONED, RIGHT_SIZED) if (rows := _nodes_needed(specs, tuned, results, group))
        },
        "frozen": _frozen(specs, results),
        "fixed": _fixed(specs, tuned, results),
    }
    return {name: part for name, part in found.items() if part}


def references(specs: Sequence[PeerSpec], score: Mapping[str, float]) -> dict[str, str]:
    """Whom the others are compared with, those that there are: the oracle, ours, the best peer, the best that is published.

    Args:
        specs: who takes part.
        score: by policy, less is better; policies that never reached it are not in.
    """
    family = {spec.name: spec.family for spec in specs}

    def best(names: Sequence[str]) -> str | None:
        return min((name for name in names if name in score), key=lambda name: score[name], default=None)

    peers = [name for name in family if family[name] not in (BOUND, OURS)]
    chosen = {
        "oracle": best([Oracle.name]),
        "ours": best([name for name in family if family[name] == OURS]),
        "best_peer": best(peers),
        "best_published_peer": best([name for name in peers if not name.startswith(UNPUBLISHED)]),
        "random": best(["random"]),
    }
    return {role: name for role, name in chosen.items() if name is not None}


def _bounds(results: Results) -> Json:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for task, result in results.items():
        if isinstance(task, Bounds):
            groups.setdefault(task.group, []).append(result)
    return {
        group: {name: np.mean([one[name] for one in several], axis=0).tolist() for name in several[0]}
        for group, several in groups.items()
    }


def _nodes_needed(specs: Sequence[PeerSpec], tuned: Mapping[str, Tuned], results: Results, group: str) -> Json:
    by_task = {
        (task.policy, task.settings, ratio, task.fleet.seed): result
        for task, result in results.items()
        if isinstance(task, NodesNeeded) and task.group == group
        for ratio in task.allowed
    }
    if not by_task:
        return {}
    seeds = sorted({seed for *_, seed in by_task})
    part: Json = {"policies": {}}
    for spec in specs:
        variants: dict[str, dict[float, Settings]] = {PUBLISHED: dict.fromkeys(ALLOWED, settings_of(spec)[0])}
        if group == FREE and spec.name in tuned:
            variants[TUNED] = tuned[spec.name]
        for variant, settings in variants.items():
            row = {
                str(ratio): needed_row([by_task[spec.name, settings[ratio], ratio, seed] for seed in seeds], str(ratio))
                for ratio in ALLOWED
                if all((spec.name, settings[ratio], ratio, seed) in by_task for seed in seeds)
            }
            if row:
                part["policies"].setdefault(spec.name, {})[variant] = row
    part["references"] = {str(ratio): _add_ratios(part["policies"], specs, str(ratio)) for ratio in ALLOWED}
    if group == FREE:
        _add_curves(part["policies"], specs, results)
    return part


def _add_ratios(policies: Json, specs: Sequence[PeerSpec], ratio: str) -> dict[str, str]:
    """Adds ratios to those compared with, who are returned."""
    best = {name: one for name, row in policies.items() if (one := _best(row, ratio))}
    chosen = references(specs, {name: one["nodes_mean"] for name, one in best.items()})
    for row in policies.values():
        for variant in row.values():
            one = variant.get(ratio)
            if one and one["nodes_mean"] is not None:
                for role, name in chosen.items():
                    one[f"{RATIO}_{role}"] = asdict(paired_ratio(one["nodes"], best[name]["nodes"]))
    return chosen


def _add_curves(policies: Json, specs: Sequence[PeerSpec], results: Results) -> None:
    for name, row in policies.items():
        published = settings_of(_spec(specs, name))[0]
        for variant, by_ratio in row.items():
            by_ratio["curve"] = _curve(
                [
                    result
                    for task, result in results.items()
                    if isinstance(task, NodesNeeded) and task.group == FREE and task.policy == name
                    if (task.settings == published) == (variant == PUBLISHED)
                ]
            )


def _spec(specs: Sequence[PeerSpec], name: str) -> PeerSpec:
    return next(spec for spec in specs if spec.name == name)


def needed_row(several: Sequence[Mapping[str, Any]], ratio: str) -> Json:
    """Nodes by seed, their mean, and the mean of figures at them."""
    nodes = [one["needed"][ratio] for one in several]
    reached = all(count is not None for count in nodes)
    figures = [one["figures"][ratio] for one in several if ratio in one["figures"]]
    row: Json = {
        "nodes": nodes,
        "nodes_mean": float(np.mean(nodes)) if reached else None,
        "reached": sum(n is not None for n in nodes),
    }
    for name in ("nodes_used_count", "worst_node_violation_ratio", "violation_ratio", "cpu_mean_ratio", "memory_mean_ratio",
                 "cpu_violation_ratio", "memory_violation_ratio"):  # fmt: skip
        row[name] = float(np.mean([one[name] for one in figures])) if figures else None
    return row


def _best(row: Json, ratio: str) -> Json | None:
    """The variant that needs fewer nodes; None: neither reaches it."""
    found = [variant[ratio] for variant in row.values() if ratio in variant and variant[ratio]["nodes_mean"] is not None]
    return min(found, key=lambda one: float(one["nodes_mean"]), default=None)


def _curve(several: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """[nodes, mean violation ratio] where at least half of the seeds were tried and found a node for every pod."""
    tried: dict[int, list[float]] = {}
    for one in several:
        for nodes, violation, _, unplaced in one["curve"]:
            if not unplaced:
                tried.setdefault(int(nodes), []).append(violation)
    return [[nodes, float(np.mean(values))] for nodes, values in sorted(tried.items()) if len(values) * 2 >= len(several)]


def _frozen(specs: Sequence[PeerSpec], results: Results) -> Json:
    part: Json = {}
    for spec in specs:
        for ratio in map(str, ALLOWED):
            several = [
                result[ratio]
                for task, result in results.items()
                if isinstance(task, Frozen) and task.policy == spec.name and ratio in result
            ]
            judged = [one for one in several if one is not None]
            if several:
                part.setdefault(spec.name, {})[ratio] = {
                    "runs": len(several),
                    "reached": len(judged),
                    "violation_ratio": float(np.mean([one["violation_ratio"] for one in judged])) if judged else None,
                    "violation_ratio_worst": max((one["violation_ratio"] for one in judged), default=None),
                    "nodes_judged": float(np.mean([one["nodes_judged"] for one in judged])) if judged else None,
                    "unplaced_count": sum(one["unplaced_count"] for one in judged),
                }
    return part


def _fixed(specs: Sequence[PeerSpec], tuned: Mapping[str, Tuned], results: Results) -> Json:
    rows: dict[str, dict[str, dict[str, dict[int, Mapping[str, Any]]]]] = {}
    for task, result in results.items():
        if isinstance(task, FixedHardware):
            spec = _spec(specs, task.policy)
            names = [PUBLISHED] if task.settings == settings_of(spec)[0] else []
            if spec.name in tuned and tuned[spec.name][TUNED_FOR_FIXED] == task.settings:
                names.append(TUNED)
            for variant in names:
                rows.setdefault(task.group, {}).setdefault(spec.name, {}).setdefault(variant, {})[task.fleet.seed] = result
    part: Json = {}
    for group, by_policy in rows.items():
        # a pod that waits for ever costs no node anything: who leaves one takes no part in comparisons
        placed = {
            name: {variant: by_seed for variant, by_seed in variants.items() if not _mean(by_seed, "unplaced_count")}
            for name, variants in by_policy.items()
        }
        cheapest = {name: _cheapest(variants) for name, variants in placed.items() if variants}
        chosen = references(specs, {name: _mean(by_seed, "outcome_cost") for name, by_seed in cheapest.items()})
        part[group] = {"references": chosen, "policies": {}}
        for name, variants in by_policy.items():
            part[group]["policies"][name] = {
                variant: _fixed_row(
                    by_seed, {role: cheapest[other] for role, other in chosen.items()} if variant in placed[name] else {}
                )
                for variant, by_seed in variants.items()
            }
    return dict(sorted(part.items(), key=lambda item: item[0].split("/")[0]))


def _fixed_row(by_seed: Mapping[int, Mapping[str, Any]], others: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Json:
    seeds = sorted(by_seed)
    first = by_seed[seeds[0]]
    row: Json = {name: _mean(by_seed, name) for name, value in first.items() if not isinstance(value, list)}
    row["by_seed"] = {
        name: [by_seed[seed][name] for seed in seeds] for name in ("outcome_cost", "hot_node_minutes", "violation_ratio")
    }
    row |= {name: value for name, value in first.items() if isinstance(value, list)}
    for role, other in others.items():
        for figure in ("outcome_cost", "hot_node_minutes"):
            pairs = [(by_seed[seed][figure], other[seed][figure]) for seed in seeds if seed in other]
            if sum(below for _, below in pairs) > 0:
                row[f"{figure}_{RATIO}_{role}"] = asdict(paired_ratio(*zip(*pairs, strict=True)))
    return row


def _cheapest(variants: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Mapping[int, Mapping[str, Any]]:
    return min(variants.values(), key=lambda by_seed: _mean(by_seed, "outcome_cost"))


def _mean(by_seed: Mapping[int, Mapping[str, Any]], name: str) -> float:
    return float(np.mean([one[name] for one in by_seed.values()]))
