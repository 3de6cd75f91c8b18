"""The learned correction of the overload bound: trained in the arena on some machines, kept only if it beats greedy on others.

The ladder's question is answered here once, on validation, and the answer stands in the manifest: a correction that does not lower
the violation ratio is not among the files, and the policy by moments is then the greedy one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.nodes import Node
from hydatis_core.seeds import generator
from hydatis_placement.q_function import FILE_NAME
from hydatis_simulator.arena.day_shift import fleet_of_copies
from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena_policy.learned import MOMENT_FILE_NAME
from hydatis_simulator.arena_policy.training import compare_with_greedy, train_correction
from hydatis_simulator.trace import Trace
from numpy.typing import NDArray

from hydatis_pipelines.progress import Progress, scaled, untold

__all__ = ["Correction", "learn_correction", "plain_curve"]

#: A trace must hold a history, a day of arrivals and days to judge, and machines to learn from and others to validate on.
LEAST_DAYS, LEAST_MACHINES = 9, 20
_HISTORY_DAYS = 7
_VALIDATION_SHARE = 0.3
_FLEETS_COUNT, _PODS_A_FLEET = 6, 400
_VALIDATION_SEEDS = 3


@dataclass(frozen=True)
class Correction:
    """What came of it."""

    files: dict[str, bytes] = field(default_factory=dict)
    """The correction; empty: greedy is as good, or nothing could be learned."""
    metrics: dict[str, float] = field(default_factory=dict)
    """``compare_with_greedy`` on validation, prefixed with ``moment_``; empty: nothing was learned."""
    curve: list[dict[str, float | None]] = field(default_factory=list)
    """The learning curve; None stands for what there was not yet."""


def learn_correction(trace: Trace, nodes: Sequence[Node], *, seed: int, episodes: int, progress: Progress = untold) -> Correction:
    """Learns and validates.

    Args:
        trace: the training days. Its workloads count as machines: 70 % are learned from, the others decide.
        nodes: the cluster: its shapes of nodes are learned on.
        seed: of everything random.
        episodes: fleets placed.
        progress: told after each.
    """
    days = trace.steps_count // round(DAY_SECONDS / trace.step_seconds)
    machines_count = len({row.pod.workload for row in trace.pods})
    if days < LEAST_DAYS or machines_count < LEAST_MACHINES or not np.isfinite(trace.memory_used_bytes).any():
        return Correction()
    shapes = np.unique([[node.allocatable.cpu_cores, node.allocatable.memory_bytes] for node in nodes], axis=0)
    random = generator(seed, "pipelines/correction")
    order = random.permutation(machines_count)
    kept = max(1, round(_VALIDATION_SHARE * machines_count))

    def fleet(machines: NDArray[np.intp], number: int) -> Fleet:
        pods_count = min(_PODS_A_FLEET, machines.size * days)
        return fleet_of_copies(
            trace, pods_count=pods_count, seed=seed * 1000 + number, history_days=_HISTORY_DAYS, machines=machines
        )

    # Each fleet has its own mix of machines: what holds for one mix alone is not worth learning.
    learned_from = order[kept:]
    part = max(1, round(0.7 * learned_from.size))
    fleets = [fleet(random.choice(learned_from, part, replace=False), number) for number in range(_FLEETS_COUNT)]
    correction, curve = train_correction(
        fleets, shapes, seed=seed, episodes=episodes, progress=scaled(progress, 0, 900, 1000, "correction: ")
    )
    unseen = [fleet(order[:kept], 100 + number) for number in range(_VALIDATION_SEEDS)]
    figures = compare_with_greedy(correction, unseen, shapes[-1], seed=seed)
    progress(1000, 1000, "correction: validated")
    return Correction(
        files={MOMENT_FILE_NAME: correction.to_files()[FILE_NAME]} if figures["prefer_learned"] else {},
        metrics={f"moment_{name}": value for name, value in figures.items()},
        curve=plain_curve(curve),
    )


def plain_curve(curve: Sequence[Mapping[str, float]]) -> list[dict[str, float | None]]:
    """A learning curve for a manifest, which holds no NaN: None stands for what there was not yet."""
    return [{name: value if np.isfinite(value) else None for name, value in row.items()} for row in curve]
